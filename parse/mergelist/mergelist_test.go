package mergelist

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/sharedtest"
)

func TestPretendListsWhatIsMerged(t *testing.T) {
	t.Parallel()
	const output = "These are the packages that would be merged, in order:\n\n" +
		"[ebuild     U  ] sys-libs/libfoo-2.0:0/2::lab [1.1-r1:0/1::lab] USE=\"a -b\" 0 KiB\n" +
		"[\x1b[35mbinary\x1b[39;49;00m   R    ] \x1b[35mapp-misc/hello-1.1-r1-2\x1b[39;49;00m:0::lab  USE=\"nls\"\n" +
		"[ebuild  N     ] dev-libs/bb-2.0-r1 to /mnt/stage/ USE=\"\"\n" +
		"[uninstall     ] dev-libs/eventlog-0.2.12 \n" +
		"[blocks b      ] dev-libs/eventlog (\"dev-libs/eventlog\" is blocking app-admin/syslog-ng-3.13.2)\n" +
		"[nomerge       ] dev-libs/aa-1.0\n" +
		"[ebuild  N     ] no-version/here\n" +
		"[ebuild   R   ] app-misc/hello                [2.1]       \n" +
		"[ebuild   R   ~] virtual/rust   [1.71.1:0/llvm-16::gentoo]    USE=\"-rustfmt\" 0 KiB\n" +
		"[binary     U  ]  app-misc/old  [1.1-3] [1.0]to /mnt/stage/\n" +
		"Total: 3 packages\n"
	got, err := ReadPretend(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	want := []Item{
		{CPV: "sys-libs/libfoo-2.0"},
		{CPV: "app-misc/hello-1.1-r1", Binary: true},
		{CPV: "dev-libs/bb-2.0-r1", Root: "/mnt/stage/"},
		{CPV: "app-misc/hello-2.1"},
		{CPV: "virtual/rust-1.71.1"},
		{CPV: "app-misc/old-1.1", Binary: true, Root: "/mnt/stage/"},
	}
	if diff := cmp.Diff(Pretend{want, []Line{{9, "[ebuild  N     ] no-version/here"}}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAListOfNamesIsNotUnderstood(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]Line{
		"hello\n":                                                {{1, "hello"}},
		"# mine\n\n=app-misc/hello-1.1\na/b\n":                   {{3, "=app-misc/hello-1.1"}, {4, "a/b"}},
		"[ebuild  N     ] a/b-1\nhello\n":                        nil, // emerge says more than its list
		"Calculating dependencies... done!\nTotal: 0 packages\n": nil,
	} {
		got, err := ReadPretend(strings.NewReader(text))
		if diff := cmp.Diff(want, got.NotUnderstood); diff != "" || err != nil {
			t.Errorf("%q: error %v (-want +got)\n%s", text, err, diff)
		}
	}
}

func TestPretendOutputsFromTheWild(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{
		"emerge-p.basic.out": 5, "emerge-pv.basic.out": 5, "emerge-p.bin.out": 2, "emerge-p.blocker.out": 2, "emerge-p.gcc.out": 1, "emerge-p.kde.out": 235,
	} {
		data, err := os.ReadFile(sharedtest.Path(t, "logs", "pretend", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadPretend(strings.NewReader(string(data)))
		if err != nil || len(got.Items) != want || len(got.NotUnderstood) > 0 {
			t.Errorf("%s: %d packages, %d lines not understood, error %v; want %d", name, len(got.Items), len(got.NotUnderstood), err, want)
		}
	}
}

func TestResumeTakesTheListThatEmergeWould(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, mtimedb string
		want          []Item
		err           error
	}{
		{
			"the main list", `{"resume":{"mergelist":[["ebuild","/","a/b-1","merge"],["binary","/mnt/","a/c-2-3","merge"]]}}`,
			[]Item{{CPV: "a/b-1", Root: "/"}, {CPV: "a/c-2", Root: "/mnt/", Binary: true}},
			nil,
		},
		{
			"the backup where the main list is empty", `{"resume":{"mergelist":[]},"resume_backup":{"mergelist":[["ebuild","/","a/b-1","merge"]]}}`,
			[]Item{{CPV: "a/b-1", Root: "/"}},
			nil,
		},
		{"uninstalls are no merges", `{"resume":{"mergelist":[["ebuild","/","a/b-1","uninstall"]]}}`, nil, ErrNoList},
		{"entries of another shape", `{"resume":{"mergelist":[["ebuild","/"],[1,2,3,4],"x"]}}`, nil, ErrNoList},
		{"nothing", `{"updates":{}}`, nil, ErrNoList},
	} {
		got, err := ParseResume([]byte(test.mtimedb))
		if diff := cmp.Diff(test.want, got); diff != "" || !errors.Is(err, test.err) {
			t.Errorf("%s: error %v\n%s", test.name, err, diff)
		}
	}
	if _, err := ParseResume([]byte("{bad")); err == nil {
		t.Error("damaged JSON was taken")
	}
}

func TestStatusOfASnapshot(t *testing.T) {
	t.Parallel()
	const snapshot = `{"type":"snapshot","schema":1,"emerge_pid":12345,"timestamp":1767225643.0,"jobs":{"running":1,"max":true,"completed":1,"total":4,"failed":0},
		"tasks":[{"cpv":"sys-devel/gcc-15.1.0","kind":"build","phase":"compile","elapsed":12.5,"start_time":1767225630.5,"binary":false,"pid":12400,"root":"/"},
		{"cpv":"dev-libs/foo-1.2","kind":"merge","phase":null,"start_time":null}]}`
	got, err := ParseStatus([]byte(snapshot))
	if err != nil {
		t.Fatal(err)
	}
	if got.PID != 12345 || got.Jobs.Total != 4 || len(got.Tasks) != 2 || got.Tasks[0].Phase != "compile" || *got.Tasks[0].Elapsed != 12.5 || got.Tasks[1].StartTime != nil {
		t.Errorf("got %+v", got)
	}
	if _, err := ParseStatus([]byte(`{"type":"snapshot","schema":2}`)); err == nil {
		t.Error("a later schema was taken")
	}
}

func FuzzResume(f *testing.F) {
	f.Add([]byte(`{"resume":{"mergelist":[["ebuild","/","a/b-1","merge"]]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if items, err := ParseResume(data); err == nil && len(items) == 0 {
			t.Error("neither a list nor an error")
		}
		ParseStatus(data)
	})
}
