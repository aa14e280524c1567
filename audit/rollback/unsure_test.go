package rollback

import (
	"testing"

	"emaudit/audit/binpkgs"
	"emaudit/store/inventory"
)

// A file that was read to its end is not called unread: an xpak that no index
// knows stays unsure however often it is read.
func TestWhyAFileIsUnsure(t *testing.T) {
	t.Parallel()
	for verifiedAt, want := range map[int64]string{
		0: "a/b/b-1.xpak was not read",
		1: "a/b/b-1.xpak was read, with nothing to check it against",
	} {
		b := &binpkgs.Binpkg{Instance: &inventory.Instance{Path: "a/b/b-1.xpak", VerifiedAt: verifiedAt, Traits: &inventory.Traits{Integrity: "unchecked"}}}
		if got := b.Unsure(); got != want {
			t.Errorf("verified at %d: %q, want %q", verifiedAt, got, want)
		}
	}
}
