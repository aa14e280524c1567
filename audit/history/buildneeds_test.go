package history

import "testing"

// TestWhatNeedsTooMuchMemoryIsBuiltAlone has a package that needs more than there is, and
// two that do so only together.
func TestWhatNeedsTooMuchMemoryIsBuiltAlone(t *testing.T) {
	t.Parallel()
	need := func(cp string, bytes int64) BuildNeed { return BuildNeed{CP: cp, Samples: 1, MemoryBytes: &bytes} }
	ram := int64(1000)
	for _, test := range []struct {
		rows []BuildNeed
		sum  int64
		want string
	}{
		{[]BuildNeed{need("a/small", 10), need("a/big", 2000), {CP: "a/unknown"}}, 2000, "MAKEOPTS=-j1 emerge --oneshot --jobs=1 a/big"},
		{[]BuildNeed{need("a/one", 600), need("a/two", 700)}, 1300, "MAKEOPTS=-j1 emerge --oneshot --jobs=1 a/two"},
		{[]BuildNeed{need("a/one", 600)}, 600, ""},
	} {
		n := &BuildNeeds{Rows: test.rows, MemoryBytes: test.sum, Room: Room{RAMBytes: &ram}}
		n.judge()
		got := ""
		for _, f := range n.Findings {
			got += f.Remedy.Commands[0].String()
		}
		if got != test.want {
			t.Errorf("want %q, got %q", test.want, got)
		}
	}
}
