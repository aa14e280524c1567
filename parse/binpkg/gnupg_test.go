package binpkg

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// gnupg is the gpg of this machine with a home of its own.
type gnupg struct {
	tb   testing.TB
	home string
}

func newGnupg(tb testing.TB) *gnupg {
	tb.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		tb.Skip("no gpg to compare with")
	}
	// The agent's socket lies in it, and its name must be short.
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		stop := exec.Command("gpgconf", "--kill", "all")
		stop.Env = append(os.Environ(), "GNUPGHOME="+home)
		_ = stop.Run() // Without an agent there is none to stop.
		os.RemoveAll(home)
	})
	return &gnupg{tb, home}
}

// try runs gpg and returns what it wrote, and its status lines.
func (g *gnupg) try(stdin []byte, args ...string) (stdout, status []byte, err error) {
	g.tb.Helper()
	file := filepath.Join(g.tb.TempDir(), "status")
	cmd := exec.Command("gpg", append([]string{
		"--homedir", g.home, "--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "",
		"--trust-model", "always", "--status-file", file,
	}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err = cmd.Output()
	if err != nil {
		err = fmt.Errorf("gpg %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	status, _ = os.ReadFile(file)
	return stdout, status, err
}

func (g *gnupg) must(stdin []byte, args ...string) (stdout, status []byte) {
	g.tb.Helper()
	stdout, status, err := g.try(stdin, args...)
	if err != nil {
		g.tb.Fatal(err)
	}
	return stdout, status
}

// key makes a key and returns its fingerprint.
func (g *gnupg) key(name string, args ...string) string {
	g.tb.Helper()
	_, status := g.must(nil, append(args[:len(args)-3:len(args)-3], append([]string{"--quick-generate-key", name + " <" + name + "@localhost>"}, args[len(args)-3:]...)...)...)
	for line := range strings.Lines(string(status)) {
		if words := strings.Fields(line); len(words) > 3 && words[1] == "KEY_CREATED" {
			return words[3]
		}
	}
	g.tb.Fatalf("no key of %s: %s", name, status)
	return ""
}

// says is what gpg makes of a signature, as Portage would read it: a package is
// taken only where gpg ends with 0 and says GOODSIG (gpkg.py, _check_gpg_status).
func (g *gnupg) says(sig, signed []byte) SignatureState {
	g.tb.Helper()
	dir := g.tb.TempDir()
	args := []string{"--verify", filepath.Join(dir, "sig")}
	if err := os.WriteFile(args[1], sig, 0o644); err != nil {
		g.tb.Fatal(err)
	}
	if signed != nil {
		args = append(args, filepath.Join(dir, "signed"))
		if err := os.WriteFile(args[2], signed, 0o644); err != nil {
			g.tb.Fatal(err)
		}
	}
	_, status, err := g.try(nil, args...)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return bytes.Contains(status, []byte("[GNUPG:] "+w+" ")) })
	}
	switch {
	case has("BADSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG"):
		return SignatureInvalid
	case has("NO_PUBKEY"):
		return SignatureUnknownKey
	case err == nil && has("GOODSIG"):
		return SignatureValid
	}
	return SignatureInvalid
}

// TestSignaturesAreWhatGPGSays signs a package with the gpg of this machine in
// every way that leads to another verdict, and compares the two.
func TestSignaturesAreWhatGPGSays(t *testing.T) {
	t.Parallel()
	g := newGnupg(t)
	// gpg's clock goes on while it makes a key, which must not lie in the future
	// of what comes next: so each has a day of its own.
	on := func(day string) []string { return []string{"--faked-system-time", "202401" + day + "T000000"} }
	made, added, then := on("01"), on("02"), on("03")
	ed := g.key("ed", "ed25519", "sign", "never")
	rsa := g.key("rsa", "rsa2048", "sign", "never")
	nist := g.key("nist", "nistp256", "sign", "never")
	short := g.key("short", "rsa1024", "sign", "never")
	old := g.key("old", append(made, "ed25519", "sign", "never")...)
	expired := g.key("expired", append(made, "ed25519", "sign", "1m")...)
	revoked := g.key("revoked", append(made, "ed25519", "sign", "never")...)
	stranger := g.key("stranger", "ed25519", "sign", "never")
	// As release keys are: the key certifies, and its subkeys sign.
	withSubkey := g.key("subkey", append(made, "ed25519", "cert", "never")...)
	g.must(nil, append(added, "--quick-add-key", withSubkey, "ed25519", "sign", "never")...)
	oldSubkey := g.key("subkey-expired", append(made, "ed25519", "cert", "never")...)
	g.must(nil, append(added, "--quick-add-key", oldSubkey, "ed25519", "sign", "1m")...)
	lostSubkey := g.key("subkey-revoked", append(made, "ed25519", "cert", "never")...)
	g.must(nil, append(added, "--quick-add-key", lostSubkey, "ed25519", "sign", "never")...)

	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	detached := func(args ...string) func([]byte) []byte {
		return func(data []byte) []byte {
			sig, _ := g.must(data, append(args, "--detach-sign")...)
			return sig
		}
	}
	cleartext := func(args ...string) func([]byte) []byte {
		return func(data []byte) []byte {
			sig, _ := g.must(data, append(args, "--clear-sign")...)
			return sig
		}
	}
	by := func(key string) []string { return []string{"--local-user", key, "--armor"} }
	cases := []struct {
		name string
		args []string // of gpg when it signs
		// What is done to the image, and to the signed Manifest, afterwards.
		image, manifest func([]byte)

		want        SignatureState
		unsupported bool // emaudit does not check such a one
	}{
		{name: "ed25519", args: by(ed), want: SignatureValid},
		{name: "ed25519, not armoured", args: []string{"--local-user", ed}, want: SignatureValid},
		{name: "ed25519, SHA512", args: append(by(ed), "--digest-algo", "SHA512"), want: SignatureValid},
		{name: "RSA", args: by(rsa), want: SignatureValid},
		{name: "nistp256", args: by(nist), want: SignatureValid},
		{name: "a text signature", args: append(by(rsa), "--textmode"), want: SignatureValid},
		{name: "a subkey", args: append(slices.Clone(then), by(withSubkey)...), want: SignatureValid},
		{name: "signed long ago", args: append(slices.Clone(then), by(old)...), want: SignatureValid},
		{name: "an image that was changed", args: by(ed), image: flipped, want: SignatureInvalid},
		{name: "a Manifest that was changed", args: by(ed), want: SignatureInvalid, manifest: func(manifest []byte) {
			at := bytes.Index(manifest, []byte(" SHA512 ")) + len(" SHA512 ")
			copy(manifest[at:], bytes.ToUpper(manifest[at:at+128])) // the same hash, in other letters
		}},
		{name: "a key that is not there", args: by(stranger), want: SignatureUnknownKey},
		{name: "an expired key", args: append(slices.Clone(then), by(expired)...), want: SignatureInvalid},
		{name: "an expired signature", args: append(slices.Clone(then), append(by(old), "--default-sig-expire", "2d")...), want: SignatureInvalid},
		{name: "a revoked key", args: append(slices.Clone(then), by(revoked)...), want: SignatureInvalid},
		{name: "an expired subkey", args: append(slices.Clone(then), by(oldSubkey)...), want: SignatureInvalid},
		{name: "a revoked subkey", args: append(slices.Clone(then), by(lostSubkey)...), want: SignatureInvalid},
		{name: "two keys", args: append(by(ed), by(rsa)...), want: SignatureValid},
		{name: "two keys, the second not there", args: append(by(ed), by(stranger)...), want: SignatureUnknownKey},
		{name: "two keys, the first not there", args: append(by(stranger), by(ed)...), want: SignatureUnknownKey},
		{name: "two keys, one expired", args: append(slices.Clone(then), append(by(old), by(expired)...)...), want: SignatureInvalid},
		{name: "two keys, and a changed image", args: append(by(ed), by(rsa)...), image: flipped, want: SignatureInvalid},
		// gpg, and so Portage, takes the first two.
		{name: "RSA of 1024 bits", args: by(short), want: SignatureValid},
		{name: "SHA-1", args: append(by(rsa), "--digest-algo", "SHA1"), want: SignatureValid},
		{name: "MD5", args: append(by(rsa), "--digest-algo", "MD5"), want: SignatureInvalid, unsupported: true},
	}
	packages := make([]signedMembers, len(cases))
	for i, c := range cases {
		p := &packages[i]
		p.image = bytes.Clone(control[2].data)
		p.metadataSig, p.imageSig = detached(c.args...)(control[1].data), detached(c.args...)(p.image)
		if c.image != nil {
			c.image(p.image)
		}
		p.manifest = cleartext(c.args...)(manifestOf(p.members(control)))
		if c.manifest != nil {
			c.manifest(p.manifest)
		}
	}

	// What happened to keys since.
	certificate, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", revoked+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	g.must(bytes.Replace(certificate, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1), "--import")
	g.must([]byte("key 1\nrevkey\ny\n0\n\ny\nsave\n"), "--command-fd", "0", "--edit-key", lostSubkey)
	known := []string{ed, rsa, nist, short, old, expired, revoked, withSubkey, oldSubkey, lostSubkey}
	binary, _ := g.must(nil, append([]string{"--export"}, known...)...)
	armoured, _ := g.must(nil, append([]string{"--armor", "--export"}, known...)...)
	box := newGnupg(t)
	box.must(binary, "--import")
	ring := newGnupg(t)
	// Where there is a keyring of the older kind, gpg keeps to it.
	if err := os.WriteFile(filepath.Join(ring.home, "pubring.gpg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ring.must(binary, "--import")
	keyrings := map[string]*Keyring{}
	for name, read := range map[string]func() ([]byte, error){
		"exported": func() ([]byte, error) { return binary, nil },
		"armoured": func() ([]byte, error) { return armoured, nil },
		"keybox":   func() ([]byte, error) { return os.ReadFile(filepath.Join(box.home, "pubring.kbx")) },
		"keyring":  func() ([]byte, error) { return os.ReadFile(filepath.Join(ring.home, "pubring.gpg")) },
	} {
		data, err := read()
		if err != nil {
			t.Fatal(err)
		}
		if keyrings[name], err = ReadKeyring(data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if keyrings[name].Len() != len(known) || len(keyrings[name].Diagnostics) > 0 {
			t.Errorf("%s: %d keys, want %d: %v", name, keyrings[name].Len(), len(known), keyrings[name].Diagnostics)
		}
	}

	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := packages[i]
			gpg := box.says(p.metadataSig, control[1].data)
			for _, s := range []SignatureState{box.says(p.imageSig, p.image), box.says(p.manifest, nil)} {
				gpg = stateOfAll([]Signature{{State: gpg}, {State: s}})
			}
			if gpg != c.want {
				t.Errorf("gpg says %s, want %s", gpg, c.want)
			}
			want := c.want
			if c.unsupported {
				want = SignatureUnchecked
			}
			pkg := packGpkg(t, append(p.members(control), file{manifestName, p.manifest}))
			for name, keyring := range keyrings {
				v := verifyBytes(t, pkg, VerifyOptions{Keyring: keyring, Now: time.Now()})
				if v.Signature != want {
					t.Errorf("%s: %s, want %s: %v %v", name, v.Signature, want, v.Signatures, v.Diagnostics)
				}
				if v.Integrity == Whole && (c.image != nil || c.manifest != nil) {
					t.Errorf("%s: whole, and what was signed was changed", name)
				}
			}
		})
	}
}

// signedMembers are what signing a package adds to it, and its image.
type signedMembers struct{ metadataSig, image, imageSig, manifest []byte }

// members are those of the package but for the Manifest.
func (p *signedMembers) members(control []file) []file {
	return []file{
		control[0], control[1],
		{control[1].name + sigSuffix, p.metadataSig},
		{control[2].name, p.image},
		{control[2].name + sigSuffix, p.imageSig},
	}
}

// flipped changes one bit.
func flipped(b []byte) { b[len(b)/2] ^= 1 }
