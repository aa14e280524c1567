package aftermath

import (
	"testing"

	"emaudit/audit"
)

// TestWhatIsDoneAboutAFailure wants the log to be read where the same merge fails
// again, and --oneshot unless the failed run was to add the package to @world.
func TestWhatIsDoneAboutAFailure(t *testing.T) {
	t.Parallel()
	const cpv = "dev-util/tool-1.0-r1"
	for _, test := range []struct {
		args    string
		selects bool
	}{
		{"--ask tool", true},
		{"dev-util/tool", true},
		{"=dev-util/tool-1.0-r1", true},
		{">=dev-util/tool-1.0-r1:0/2", true},
		{"dev-util/tool:0", true},
		{"--oneshot tool", false},
		{"-av1 tool", false},
		{"--onlydeps tool", false},
		{"--update @world", false},
		{"other", false},
		{"--resume", false},
		{"", false},
	} {
		if got := selects(test.args, cpv); got != test.selects {
			t.Errorf("emerge %s: selects %s: %t", test.args, cpv, got)
		}
	}
	log := "/var/log/portage/dev-util:tool-1.0-r1:1.log"
	again := audit.Run("emerge", "--oneshot", "="+cpv)
	for _, test := range []struct {
		row  Failure
		want string
	}{
		{Failure{Cause: CauseUnknown, Retry: again}, `emerge --oneshot "=dev-util/tool-1.0-r1"`},
		{Failure{Cause: "missing-file", Phase: "install", Log: &log, Retry: again}, "less " + log},
		{Failure{Cause: "missing-file", Phase: "install", Log: &log, LogGone: true, Retry: again}, `emerge --oneshot "=dev-util/tool-1.0-r1"`},
		{Failure{Cause: "no-space", Log: &log, Retry: again}, `emerge --oneshot "=dev-util/tool-1.0-r1"`},
		{Failure{Cause: "fetch", Line: "!!! dev-util/tool-1.0-r1 has fetch restriction turned on.", Log: &log, Retry: again}, "fetch its files by hand, as the log says: less " + log},
		{Failure{Cause: CauseUnknown, Phase: "setup", Log: &log, Retry: again}, "do what pkg_setup asks for, such as an option of the kernel: less " + log},
	} {
		if got := test.row.remedy().String(); got != test.want {
			t.Errorf("%s in %s: %q, want %q", test.row.Cause, test.row.Phase, got, test.want)
		}
	}
}
