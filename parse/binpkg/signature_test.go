package binpkg

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/binpkg/keybox"
)

const (
	keyOne     = "A29096A15735CF122AAF8D79CB5857D5C6B9EFD7" // ed25519
	keyTwo     = "2483832AA8910922B4AF12F3D9D049AC2915EAA8" // RSA, 2048 bits
	keyExpired = "B1194D13438916BAE4BB34E40D74D4E81001CD22" // until 2025-01-31
)

func testKeyring(tb testing.TB, name string) *Keyring {
	tb.Helper()
	data, err := os.ReadFile("testdata/signed/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := ReadKeyring(data)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestSignaturesMadeByGPG(t *testing.T) {
	t.Parallel()
	valid := func(key string, members ...string) (s []Signature) {
		for _, m := range members {
			s = append(s, Signature{Member: m, State: SignatureValid, KeyID: key[24:], Fingerprint: key})
		}
		return s
	}
	all := []string{"metadata.tar.zst", "image.tar.zst", "Manifest"}
	for _, c := range []struct {
		name       string
		integrity  Integrity
		state      SignatureState
		problems   []string
		signatures []Signature
	}{
		{"ed25519-armoured", Whole, SignatureValid, nil, valid(keyOne, all...)},
		{"rsa2048-binary", Whole, SignatureValid, nil, valid(keyTwo, all...)},
		{"stranger", Whole, SignatureUnknownKey, []string{ProblemSignatureUnknownKey}, []Signature{
			{Member: all[0], State: SignatureUnknownKey, KeyID: "340A35CA83EDC163"},
			{Member: all[1], State: SignatureUnknownKey, KeyID: "340A35CA83EDC163"},
			{Member: all[2], State: SignatureUnknownKey, KeyID: "340A35CA83EDC163"},
		}},
		{"expired-key", Whole, SignatureInvalid, []string{ProblemSignatureKey}, []Signature{
			{Member: all[0], State: SignatureInvalid, KeyID: keyExpired[24:]},
			{Member: all[1], State: SignatureInvalid, KeyID: keyExpired[24:]},
			{Member: all[2], State: SignatureInvalid, KeyID: keyExpired[24:]},
		}},
		{"image-unsigned", Whole, SignatureInvalid, []string{ProblemSignatureMissing}, []Signature{
			valid(keyOne, all[0])[0],
			{Member: all[1], State: SignatureInvalid},
			valid(keyOne, all[2])[0],
		}},
		// Whoever replaces the image also corrects the Manifest's hashes; only
		// the signature tells.
		{"image-replaced", Damaged, SignatureInvalid, []string{ProblemSignatureInvalid}, []Signature{
			valid(keyOne, all[0])[0],
			{Member: all[1], State: SignatureInvalid, KeyID: keyOne[24:]},
			valid(keyOne, all[2])[0],
		}},
		{"manifest-tampered", Damaged, SignatureInvalid, []string{ProblemSignatureInvalid}, []Signature{
			valid(keyOne, all[0])[0],
			valid(keyOne, all[1])[0],
			{Member: all[2], State: SignatureInvalid, KeyID: keyOne[24:]},
		}},
		{"manifest-unsigned", Damaged, SignatureInvalid, []string{ProblemManifestUnsigned, ProblemSignatureMissing}, []Signature{
			valid(keyOne, all[0])[0],
			valid(keyOne, all[1])[0],
			{Member: all[2], State: SignatureInvalid},
		}},
		{"text-around", Damaged, SignatureInvalid, []string{ProblemManifestUnsigned, ProblemSignatureMissing}, []Signature{
			valid(keyOne, all[0])[0],
			valid(keyOne, all[1])[0],
			{Member: all[2], State: SignatureInvalid},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, keys := range []string{"keys.asc", "keys.gpg", "pubring.kbx"} {
				v := verifyFile(t, NewReader(), "testdata/signed/"+c.name+".gpkg.tar", VerifyOptions{
					Keyring: testKeyring(t, keys),
					Now:     time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
				})
				for i := range v.Signatures {
					if v.Signatures[i].State == SignatureValid && v.Signatures[i].CreatedAt < 1735689600 {
						t.Errorf("%s: created at %d", keys, v.Signatures[i].CreatedAt)
					}
					v.Signatures[i].CreatedAt = 0
				}
				if v.Integrity != c.integrity || v.Signature != c.state || !v.Signed {
					t.Errorf("%s: %s, signature %s, want %s, %s", keys, v.Integrity, v.Signature, c.integrity, c.state)
				}
				if diff := cmp.Diff(append([]string{}, c.problems...), v.Problems()); diff != "" {
					t.Errorf("%s: problems (-want +got)\n%s", keys, diff)
				}
				if diff := cmp.Diff(c.signatures, v.Signatures); diff != "" {
					t.Errorf("%s: signatures (-want +got)\n%s", keys, diff)
				}
			}
		})
	}
}

func TestWithoutAKeyringNothingIsSaidOfSignatures(t *testing.T) {
	t.Parallel()
	v := verifyFile(t, NewReader(), "testdata/signed/ed25519-armoured.gpkg.tar", VerifyOptions{})
	if v.Signature != SignatureUnchecked || v.Integrity != Whole || len(v.Problems()) != 0 {
		t.Errorf("%s, %s, %q", v.Signature, v.Integrity, v.Problems())
	}
	for _, s := range v.Signatures {
		if s.KeyID != keyOne[24:] || s.Fingerprint != "" {
			t.Errorf("%+v: the key that it names is known without a keyring, the certificate is not", s)
		}
	}
	if v := verifyFile(t, NewReader(), "testdata/alpha/emptypkg-1-1.gpkg.tar", VerifyOptions{Keyring: testKeyring(t, "keys.asc")}); v.Signature != SignatureNone || len(v.Signatures) != 0 || v.Signed {
		t.Errorf("an unsigned package: %s %v", v.Signature, v.Signatures)
	}
}

// Each signature of a member is checked, and each check reads the member.
func TestSignaturesOfOneMemberAreLimited(t *testing.T) {
	t.Parallel()
	files := filesOf(t, "testdata/signed/rsa2048-binary.gpkg.tar")
	for i := range files {
		if files[i].name == "image.tar.zst.sig" {
			files[i].data = bytes.Repeat(files[i].data, maxSignatures+1)
		}
	}
	v := verifyBytes(t, makeGpkg(t, files), VerifyOptions{Keyring: testKeyring(t, "keys.asc"), Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)})
	n := 0
	for _, s := range v.Signatures {
		if s.Member == "image.tar.zst" && s.State == SignatureValid {
			n++
		}
	}
	if n != maxSignatures || v.Signature != SignatureInvalid || v.Integrity != Damaged {
		t.Errorf("%d valid ones, signature %s, %s", n, v.Signature, v.Integrity)
	}
}

func TestWithoutATimeAKeyCountsAsItWasWhenItSigned(t *testing.T) {
	t.Parallel()
	v := verifyFile(t, NewReader(), "testdata/signed/expired-key.gpkg.tar", VerifyOptions{Keyring: testKeyring(t, "keys.asc")})
	if v.Signature != SignatureValid {
		t.Errorf("%s: %v", v.Signature, v.Diagnostics)
	}
}

func TestKeyringsThatHoldNoKeys(t *testing.T) {
	t.Parallel()
	box, err := os.ReadFile("testdata/signed/pubring.kbx")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"empty":            "",
		"text":             "no keys here\n",
		"armoured nothing": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n",
		"keybox of header": string(box[:32]),
	} {
		if k, err := ReadKeyring([]byte(data)); !errors.Is(err, ErrNoKeys) || k != nil {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
	// One cut in the last key still gives the others, and says so.
	k, err := ReadKeyring(box[:len(box)-100])
	if err != nil || k.Len() != 2 {
		t.Fatalf("%v, %v", k, err)
	}
	if len(k.Diagnostics) != 1 || k.Diagnostics[0].Code != keybox.ProblemBlob || !strings.Contains(k.Diagnostics[0].Message, "are left") {
		t.Errorf("diagnostics: %v", k.Diagnostics)
	}
}
