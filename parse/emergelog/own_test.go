package emergelog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logs has the logs of testdata/logs/INDEX.md.
const logs = "../../testdata/logs/emerge"

// Each log shows one thing that real logs do. The texts are what happened, not what
// another tool says of it.
func TestWhatHappenedIsTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		logs string
		want string
	}{
		{"parallel-jobs.log", `
run 1: merge ok
  merged source dev-libs/aa-1.0 to / 55s
  merged source dev-libs/bb-2.0-r1 to / 53s replacing dev-libs/bb-2.0
  merged source sys-apps/cc-3.0_p1 to / 89s
  removed dev-libs/bb-2.0 replaced ok 1s
`},
		{"fail-keep-going-recount.log", `
run 1: merge failed (status 1)
  merged source dev-libs/aa-1.0 to / 60s
  failed source dev-libs/bb-2.0-r1 to /
  merged source sys-apps/cc-3.0_p1 to / 60s
  merged source dev-util/dd-4.4 to / 22s
`},
		{"killed-then-resume.log", `
run 1: merge killed
  merged source dev-libs/aa-1.0 to / 60s
  interrupted source dev-libs/bb-2.0-r1 to /
  removed dev-libs/bb-2.0 replaced interrupted
run 2: resume ok
  merged source dev-libs/bb-2.0-r1 to / 60s
  merged source sys-apps/cc-3.0_p1 to / 60s
`},
		{"sigint.log", `
run 1: merge interrupted
  interrupted source dev-libs/aa-1.0 to /
run 2: merge interrupted
`},
		{"buildpkgonly.log", `
run 1: merge ok
  built source dev-libs/aa-1.0 to /, packaged
`},
		{"buildpkg-and-merge.log", `
run 1: merge ok
  merged source dev-libs/aa-1.0 to / 63s, packaged, world
`},
		{"fetchonly-quiet.log", `
run 1: merge ok
  fetched unknown dev-libs/aa-1.0 to /
`},
		{"binary-fetched.log", `
run 1: merge ok
  merged binary dev-libs/aa-1.0 to / 10s replacing dev-libs/aa-0.9 from build 2
  removed dev-libs/aa-0.9 replaced ok 1s
`},
		{"other-root.log", `
run 1: merge ok
  merged source sys-apps/cc-3.0_p1 to /mnt/stage/ 60s
run 2: merge ok
  merged source dev-libs/bb-2.0-r1 to /usr/aarch64-unknown-linux-gnu/ 60s
`},
		{"postinst-failure.log", `
run 1: merge failed (status 1), unexplained
  merged source dev-libs/aa-1.0 to / 60s, postinst failed
`},
		{"hard-names.log", `
run 1: merge ok
  merged source media-fonts/font-adobe-100dpi-1.0.4-r1 to / 60s
  merged source x11-libs/gtk+-2.24.33 to / 60s
  merged source app-text/docbook-xml-dtd-4.1.2-r7 to / 60s
  merged source dev-lang/python-3.14.0_rc2_p1 to / 60s
  merged source net-libs/libtorrent-rasterbar-2.0.10-r1 to / 60s
  merged source games-misc/3to2-1-thing-9999 to / 60s
`},
		{"clock-back.log", `
run 1: merge ok, clock set
  merged source dev-libs/aa-1.0 to /
run 2: merge ok
  merged source dev-libs/bb-2.0-r1 to / 60s
`},
		{"truncated-in-timestamp.log", `
run 1: merge running
  merged source dev-libs/aa-1.0 to / 60s
`},
		{"truncated-in-line.log", `
run 1: merge running
  merged source dev-libs/aa-1.0 to / 60s
`},
		{"no-final-newline.log", `
run 1: merge running
  merged source dev-libs/aa-1.0 to / 60s
`},
		{"crlf.log", `
run 1: merge running
  merged source dev-libs/aa-1.0 to / 60s
  removed dev-libs/z-1 explicit ok 1s, uncertain
  synced gentoo ok, uncertain
`},
		{"nul-block.log", `
run 1: merge killed, uncertain
  merged source dev-libs/aa-1.0 to / 60s
run 2: merge unknown, headless, uncertain
  merged source dev-libs/bb-2.0-r1 to / 60s
`},
		{"non-utf8.log", `
run 1: merge killed, uncertain
  merged source dev-libs/aa-1.0 to / 60s
run 2: merge unknown, headless, uncertain
`},
		{"parallel-sync.log", `
run 1: sync ok
  synced gentoo ok 40s
  synced guru ok 9s
`},
		{"sync-fail.log", `
run 1: sync failed
  synced gentoo failed 9s
`},
		{"same-cpv-twice-parallel.log", `
run 1: merge running
  merged source dev-libs/aa-1.0 to / 81s
run 2: merge running
  merged source dev-libs/aa-1.0 to /mnt/stage/ 46s, uncertain
`},
		{"rotated-old.log rotated-new.log", `
run 1: merge ok
  merged source dev-libs/aa-1.0 to / 51s
`},
	} {
		t.Run(test.logs, func(t *testing.T) {
			t.Parallel()
			var files [][]byte
			for name := range strings.FieldsSeq(test.logs) {
				files = append(files, readFile(t, logs, name))
			}
			r := read(t, files...)
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), r.brief()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Logs of a few lines, each for one line form or rule that no recorded log has.
func TestALineMeansWhatPortageMeant(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, log, want string
	}{
		{
			// With --jobs the lines of several modules mix, and only some name a
			// repository: a failure may not be lost to the success of another.
			"parallel syncs of which one is current and one fails", `
1767225600: Started emerge on: x
1767225600:  *** emerge --jobs=4 --sync
1767225600:  === sync
1767225600: >>> Syncing repository 'gentoo' into '/var/db/repos/gentoo'...
1767225600: >>> Syncing repository 'guru' into '/var/db/repos/guru'...
1767225601: >>> Starting rsync with rsync://192.0.2.4/gentoo-portage
1767225602: >>> Cancelling sync -- Already current.
1767225602: === Sync completed for gentoo
1767225609: !!! git fetch error in /var/db/repos/guru
1767225610:  *** terminating.
`, `
run 1: sync failed
  synced gentoo ok 2s, uncertain
  synced guru failed 9s
`,
		},
		{
			"a failed sync that is named after another ended without a name", `
1767225600: Started emerge on: x
1767225600:  *** emerge --jobs=4 --sync
1767225600: >>> Syncing repository 'a' into '/r/a'...
1767225600: >>> Syncing repository 'b' into '/r/b'...
1767225601: >>> Starting rsync with rsync://192.0.2.4/x
1767225602: >>> Cancelling sync -- Already current.
1767225603: === Sync completed for a
1767225609: !!! git fetch error in /r/b
1767225610:  *** terminating.
`, `
run 1: sync failed
  synced a ok 3s
  synced b failed 9s, uncertain
`,
		},
		{
			"the two beginnings of a sync in 2014", `
1400000000: Started emerge on: x
1400000000:  *** emerge --sync
1400000000: >>> Synchronization of repository 'foo' located in '/ov/foo'...
1400000000: >>> Starting git pull in /ov/foo...
1400000010: >>> Git pull in /ov/foo successful
1400000010: >>> Synchronization of repository 'bar' located in '/ov/bar'...
1400000010: >>> Starting git pull in /ov/bar...
1400000015: !!! git pull error in /ov/bar.
1400000015:  *** terminating.
`, `
run 1: sync failed
  synced foo ok 10s
  synced bar failed 5s
`,
		},
		{
			// unmerge.py:677: emerge exits from within, so that no status is logged.
			"a removal that fails", `
1767225600: Started emerge on: x
1767225600:  *** emerge --unmerge app-misc/x
1767225601: === Unmerging... (app-misc/x-1)
1767225602:  !!! unmerge FAILURE: app-misc/x-1
1767225603:  *** terminating.
`, `
run 1: unmerge failed
  removed app-misc/x-1 explicit failed 1s
`,
		},
		{
			// A replaced version whose removal fails does not stop the merge.
			"a replaced version that cannot be removed", `
1767225600: Started emerge on: x
1767225600:  *** emerge app-misc/x
1767225600:  >>> emerge (1 of 1) app-misc/x-2 to /
1767225640:  >>> AUTOCLEAN: app-misc/x:0
1767225640:  === Unmerging... (app-misc/x-1)
1767225641:  !!! unmerge FAILURE: app-misc/x-1
1767225642:  ::: completed emerge (1 of 1) app-misc/x-2 to /
1767225642:  *** Finished. Cleaning up...
1767225642:  *** exiting successfully.
1767225642:  *** terminating.
`, `
run 1: merge ok
  merged unknown app-misc/x-2 to / 42s
  removed app-misc/x-1 replaced failed 1s
`,
		},
		{
			// A board without a clock of its own begins in 2000, until NTP knows.
			"a clock that is set ahead by years", `
946684800: Started emerge on: x
946684800:  *** emerge app-misc/x
946684800:  >>> emerge (1 of 2) app-misc/x-2 to /
1767225660:  ::: completed emerge (1 of 2) app-misc/x-2 to /
1767225660:  >>> emerge (2 of 2) app-misc/y-1 to /
1767225690:  ::: completed emerge (2 of 2) app-misc/y-1 to /
1767225690:  *** Finished. Cleaning up...
1767225690:  *** exiting successfully.
1767225690:  *** terminating.
`, `
run 1: merge ok, clock set
  merged unknown app-misc/x-2 to /
  merged unknown app-misc/y-1 to / 30s
`,
		},
		{
			"a build of five days", `
1767225600: Started emerge on: x
1767225600:  *** emerge app-misc/x
1767225600:  >>> emerge (1 of 1) app-misc/x-2 to /
1767657600:  ::: completed emerge (1 of 1) app-misc/x-2 to /
1767657600:  *** Finished. Cleaning up...
1767657600:  *** exiting successfully.
1767657600:  *** terminating.
`, `
run 1: merge ok
  merged unknown app-misc/x-2 to / 432000s
`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := read(t, []byte(strings.TrimPrefix(test.log, "\n")))
			if len(r.damage) != 0 {
				t.Errorf("damage: %v", r.damage)
			}
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), r.brief()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDamageHasItsPlaceAndCostsNothingAroundIt(t *testing.T) {
	t.Parallel()
	const begin = "1767225601:  >>> emerge (1 of 1) dev-libs/aa-1.0 to /"
	const completed = "1767225661:  ::: completed emerge (1 of 1) dev-libs/aa-1.0 to /"
	type lost struct {
		Code           string
		Offset, Length int64
	}
	nul := strings.Repeat("\x00", 7)
	for _, test := range []struct {
		name, log string
		want      []lost
	}{
		{"a block of NUL bytes before a line", begin + "\n" + nul + completed + "\n", []lost{{CodeNUL, 54, 7}}},
		{"a block of NUL bytes instead of a line end", begin + nul + completed + "\n", []lost{{CodeNUL, 53, 7}}},
		{"NUL bytes within a line", begin + "\n1767225602:  === (1 of 1) Cle" + nul + "\n" + completed + "\n", []lost{{CodeNUL, 54, 37}}},
		{"a line cut off and glued to the next", begin + "\n1767225602:  === (1 of 1) Clean" + completed + "\n", []lost{{CodeTorn, 54, 31}}},
		{"a time stamp cut off and glued to the next line", begin + "\n17672256" + completed + "\n", []lost{{CodeUnstamped, 54, 8}}},
		{"whole lines without a line end between", begin + completed + "\n", nil},
		{"a cut line", begin + "\n1767225602:  === (1 of\n" + completed + "\n", []lost{{CodeTorn, 54, 23}}},
		{"only digits", begin + "\n17672\n" + completed + "\n", []lost{{CodeUnstamped, 54, 6}}},
		{"a stamp and nothing else", begin + "\n1767225602:\n" + completed + "\n", []lost{{CodeUnstamped, 54, 12}}},
		{"a line that is too long", begin + "\n1767225602:  " + strings.Repeat("x", 2*maxLine) + "\n" + completed + "\n", []lost{{CodeLong, 54, 13 + 2*maxLine + 1}}},
		{"a message of somebody else", begin + "\n1767225602:  XXX completed\n" + completed + "\n", nil},
		{"blank lines", begin + "\n\n\r\n" + completed + "\n", nil},
		{"CRLF", begin + "\r\n" + completed + "\r\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := read(t, []byte(test.log))
			var got []lost
			for _, d := range r.damage {
				got = append(got, lost{d.Code, d.Offset, d.Length})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("damage (-want +got)\n%s", diff)
			}
			if len(r.Merges) != 1 || r.Merges[0].Outcome != MergeMerged || r.Merges[0].Finished-r.Merges[0].Started != 60 {
				t.Errorf("merges: %+v, want the one merged in 60 s", r.Merges)
			}
		})
	}
}

// The arguments of emerge are logged as they are, newlines included.
func TestAnArgumentMayHoldNewlines(t *testing.T) {
	t.Parallel()
	r := read(t, []byte("1767225600: Started emerge on: x\n1767225600:  *** emerge one\ntwo\n three\n1767225601:  *** terminating.\n"))
	if len(r.damage) != 0 || len(r.Runs) != 1 || r.Runs[0].Args != "one\ntwo\n three" {
		t.Errorf("got %+v, damage %v", r.Runs, r.damage)
	}
}
