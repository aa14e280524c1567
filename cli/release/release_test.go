package release

import (
	"runtime/debug"
	"testing"
)

func TestTheReleaseIsThatOfTheSources(t *testing.T) {
	t.Parallel()
	const checkout = "1.2.3\n$Format:%H$\n$Format:%ct$\n"
	const archive = "1.2.3\n0123456789abcdef0123456789abcdef01234567\n1796000461\n"
	built := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs", Value: "git"},
		{Key: "vcs.revision", Value: "fedcba9876543210fedcba9876543210fedcba98"},
		{Key: "vcs.time", Value: "2026-11-29T23:59:59Z"},
		{Key: "vcs.modified", Value: "true"},
	}}
	for name, test := range map[string]struct {
		text, commit, seconds string
		info                  *debug.BuildInfo
		want                  string
	}{
		"a checkout without git":   {checkout, "", "", nil, "1.2.3 (commit unknown)"},
		"a checkout":               {checkout, "", "", built, "1.2.3 (commit fedcba987654, modified, 2026-11-29)"},
		"an archive":               {archive, "", "", nil, "1.2.3 (commit 0123456789ab, 2026-11-30)"},
		"an archive in a checkout": {archive, "", "", built, "1.2.3 (commit 0123456789ab, 2026-11-30)"},
		"a build that names it":    {checkout, "aaaa", "0", built, "1.2.3 (commit aaaa, 1970-01-01)"},
		"without its time":         {checkout, "aaaa", "", nil, "1.2.3 (commit aaaa)"},
	} {
		if got := read(test.text, test.commit, test.seconds, test.info).String(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
