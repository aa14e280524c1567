package binpkg

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"
)

// What stands around a signature is read as strictly as gpg reads it: where
// emaudit calls a Manifest validly signed, gpg does, and sees the same text.
func TestTheFramingOfAClearSignedManifestIsJudgedAsByGPG(t *testing.T) {
	t.Parallel()
	g := newGnupg(t)
	g.key("ed", "ed25519", "sign", "never")
	exported, _ := g.must(nil, "--export")
	keyring, err := ReadKeyring(exported)
	if err != nil {
		t.Fatal(err)
	}
	manifest := manifestOf(filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar"))
	signed, _ := g.must(manifest, "--clear-sign", "--digest-algo", "SHA512")
	ours := func(data []byte) (SignatureState, []byte) {
		p := new(Package)
		text, checks, ok := checkClearSigned(p, data, 0, keyring, time.Now())
		if !ok {
			return SignatureInvalid, nil
		}
		v := &Verification{Package: p}
		v.judgeSignatures(checks)
		return v.Signature, text
	}
	replace := func(pattern, by string) []byte {
		changed := regexp.MustCompile("(?m)"+pattern).ReplaceAll(signed, []byte(by))
		if bytes.Equal(changed, signed) {
			t.Errorf("%q is not there", pattern)
		}
		return changed
	}
	for name, c := range map[string]struct {
		data []byte
		want SignatureState
	}{
		"as gpg writes it":              {signed, SignatureValid},
		"CR LF":                         {bytes.ReplaceAll(signed, []byte("\n"), []byte("\r\n")), SignatureValid},
		"a dash escaped without need":   {replace(`^DATA image`, "- DATA image"), SignatureValid},
		"no Hash line":                  {replace(`^Hash:.*\n`, ""), SignatureInvalid},
		"another hash":                  {replace(`^Hash: SHA512`, "Hash: SHA256"), SignatureInvalid},
		"its hash among others":         {replace(`^Hash: SHA512`, "Hash: SHA256,SHA512"), SignatureValid},
		"two Hash lines":                {replace(`^Hash: SHA512`, "Hash: SHA1\nHash: SHA512"), SignatureValid},
		"its hash in small letters":     {replace(`^Hash: SHA512`, "Hash: sha512"), SignatureInvalid},
		"a wrong checksum":              {replace(`^=....$`, "=AAAA"), SignatureInvalid},
		"a checksum that is none":       {replace(`^=....$`, "=A.AA"), SignatureInvalid},
		"no checksum, as gpg 2.4 wants": {replace(`^=....\n`, ""), SignatureUnchecked},
		"a comment in the armour":       {replace(`^(-----BEGIN PGP SIGNATURE-----)$`, "$1\nComment: =AAAA"), SignatureValid},
		"a line that looks like a checksum": {
			replace(`^(-----BEGIN PGP SIGNATURE-----)$`, "$1\n=AAAA"), SignatureInvalid,
		},
	} {
		got, _ := ours(c.data)
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if gpg := g.says(c.data, nil); got == SignatureValid && gpg != SignatureValid {
			t.Errorf("%s: valid, and %s to gpg", name, gpg)
		}
	}
	// Any other change, in the armour and the headers above all.
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for range 40 {
		changed := bytes.Clone(signed)
		at := random.IntN(len(changed))
		if random.IntN(2) == 0 {
			at = max(0, len(changed)-1-random.IntN(300))
		}
		switch random.IntN(3) {
		case 0:
			changed[at] ^= 1 << random.IntN(8)
		case 1:
			changed = append(changed[:at], changed[at+1:]...)
		default:
			changed = append(changed[:at], append([]byte{" \t\r\n=-:A"[random.IntN(8)]}, changed[at:]...)...)
		}
		state, text := ours(changed)
		if state != SignatureValid {
			continue
		}
		out, _, err := g.try(changed, "--verify", "--output", "-")
		if err != nil || !bytes.Equal(bytes.TrimRight(out, "\r\n"), bytes.TrimRight(text, "\r\n")) {
			t.Errorf("valid, but gpg: %v\n%q\n%q\n%q", err, changed, out, text)
		}
	}
}

func TestTheChecksumOfDetachedArmourIsCompared(t *testing.T) {
	t.Parallel()
	g := newGnupg(t)
	g.key("ed", "ed25519", "sign", "never")
	sig, _ := g.must([]byte("data"), "--armor", "--detach-sign")
	for name, c := range map[string]struct {
		sig  []byte
		want SignatureState
	}{
		"as gpg writes it": {sig, SignatureUnchecked}, // without a keyring
		"wrong":            {regexp.MustCompile(`(?m)^=....$`).ReplaceAll(sig, []byte("=AAAA")), SignatureInvalid},
	} {
		checks := newDetachedChecks("image.tar.zst", c.sig)
		if len(checks) != 1 || checks[0].State != c.want {
			t.Errorf("%s: %+v", name, checks[0])
		}
	}
}
