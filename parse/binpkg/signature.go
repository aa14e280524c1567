package binpkg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// SignatureState is the result of checking one signature, or all signatures of a
// package. It does not express trust: the administrator decides which keys may sign
// packages by adding them to the keyring.
type SignatureState string

// The states.
const (
	SignatureNone       SignatureState = "none"        // not signed
	SignatureValid      SignatureState = "valid"       // made over exactly these bytes by a key of the keyring
	SignatureInvalid    SignatureState = "invalid"     // made over other bytes, or by an expired or revoked key, or missing while other members have one
	SignatureUnknownKey SignatureState = "unknown-key" // made by a key that the keyring lacks
	SignatureUnchecked  SignatureState = "unchecked"   // signed, but there is no keyring, or the kind of signature is unsupported
)

// Signature is one signature of a package.
type Signature struct {
	// Member is the base name of the signed member, "Manifest" for the clear
	// signature inside the Manifest.
	Member string
	State  SignatureState
	// KeyID is the long id of the key that the signature names: 16 upper-case
	// hexadecimal digits, or "" if it names none. Unless State is valid, anyone can
	// have written it.
	KeyID string
	// Fingerprint is the fingerprint of the primary key, in upper-case hexadecimal.
	// It is "" unless State is valid.
	Fingerprint string
	// CreatedAt is the creation time that the signature claims, in unix seconds. It
	// is 0 if it could not be read.
	CreatedAt int64
}

// signatureCheck checks one signature over one stream.
type signatureCheck struct {
	Signature
	packets []byte // the signature, without armour
	hash    string // the hash algorithm that it names, as in a Hash header
	problem string // a problem code; "" if the signature is valid or there is no keyring
	detail  string
}

// newSignatureCheck parses a signature.
func newSignatureCheck(member string, packets []byte) *signatureCheck {
	c := &signatureCheck{packets: packets}
	c.Member, c.State = member, SignatureUnchecked
	p, err := packet.Read(bytes.NewReader(packets))
	if err != nil {
		c.fail(err)
		return c
	}
	sig, ok := p.(*packet.Signature)
	if !ok {
		c.fail(pgperrors.StructuralError("not a signature"))
		return c
	}
	if sig.IssuerKeyId != nil {
		c.KeyID = fmt.Sprintf("%016X", *sig.IssuerKeyId)
	}
	c.CreatedAt = sig.CreationTime.Unix()
	c.hash = strings.ReplaceAll(sig.Hash.String(), "-", "")
	return c
}

// newSignatureChecks returns the checks of all signatures in packets. gpg checks
// each one and fails if any fails (GnuPG, g10/mainproc.c, proc_tree). The library
// would check only the first one by a known key.
func newSignatureChecks(member string, packets []byte) []*signatureCheck {
	var checks []*signatureCheck
	for each := packet.NewOpaqueReader(bytes.NewReader(packets)); ; {
		p, err := each.Next()
		if errors.Is(err, io.EOF) && len(checks) > 0 {
			return checks
		}
		if err == nil && len(checks) == maxSignatures {
			err = fmt.Errorf("more than %d signatures", maxSignatures)
		}
		var one bytes.Buffer
		if err == nil {
			err = p.Serialize(&one)
		}
		if err != nil {
			c := &signatureCheck{Signature: Signature{Member: member}}
			c.fail(err)
			return append(checks, c)
		}
		checks = append(checks, newSignatureCheck(member, one.Bytes()))
	}
}

// newDetachedChecks returns the checks of a .sig member, armoured or binary.
func newDetachedChecks(member string, sig []byte) []*signatureCheck {
	if bytes.HasPrefix(bytes.TrimSpace(sig), []byte("-----BEGIN PGP")) {
		packets, err := unarmour(sig)
		if err != nil {
			c := &signatureCheck{Signature: Signature{Member: member}}
			c.fail(err)
			return []*signatureCheck{c}
		}
		sig = packets
	}
	return newSignatureChecks(member, sig)
}

// verify reads signed to its end if the result depends on it. It reads nothing
// without a keyring, or if the signature cannot be parsed.
func (c *signatureCheck) verify(keyring *Keyring, now time.Time, signed io.Reader) {
	if keyring == nil || c.problem != "" {
		return
	}
	if now.IsZero() {
		now = time.Unix(c.CreatedAt, 0)
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	_, signer, err := openpgp.VerifyDetachedSignature(keyring.keys, signed, bytes.NewReader(c.packets), config)
	if err != nil {
		c.fail(err)
		return
	}
	c.State = SignatureValid
	c.Fingerprint = fmt.Sprintf("%X", signer.PrimaryKey.Fingerprint)
}

func (c *signatureCheck) fail(err error) {
	var unsupported pgperrors.UnsupportedError
	var unknownPacket pgperrors.UnknownPacketTypeError
	var weak pgperrors.WeakAlgorithmError
	c.detail = err.Error()
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		c.State, c.problem = SignatureUnknownKey, ProblemSignatureUnknownKey
	case errors.Is(err, pgperrors.ErrSignatureExpired), errors.Is(err, pgperrors.ErrKeyExpired),
		errors.Is(err, pgperrors.ErrKeyRevoked), errors.As(err, &weak):
		c.State, c.problem = SignatureInvalid, ProblemSignatureKey
	case errors.As(err, &unsupported), errors.As(err, &unknownPacket):
		c.State, c.problem = SignatureUnchecked, ProblemSignatureUnsupported
	default:
		c.State, c.problem = SignatureInvalid, ProblemSignatureInvalid
	}
}

// checkClearSigned verifies a clear-signed Manifest. It returns the signed text and
// the offset of it. ok is false if the framing does not show which text is signed.
func checkClearSigned(p *Package, data []byte, at int64, keyring *Keyring, now time.Time) (text []byte, checks []*signatureCheck, ok bool) {
	block, rest := clearsign.Decode(data)
	if block == nil {
		p.diagnose(at, ProblemManifestUnsigned, "Manifest: not a clear-signed text")
		return nil, nil, false
	}
	// gpg prints only the signed text, so Portage would not see the text around it.
	// Only an attacker adds such text.
	if !bytes.HasPrefix(data, []byte(clearSigned)) || len(bytes.TrimSpace(rest)) > 0 {
		p.diagnose(at, ProblemManifestUnsigned, "Manifest: text outside of what is signed")
		return nil, nil, false
	}
	// Decode drops the text of the armour, which begins at the last marker.
	packets, err := unarmour(data[bytes.LastIndex(data, []byte(pgpSignature)):])
	if err != nil {
		c := &signatureCheck{Signature: Signature{Member: manifestName}}
		c.fail(err)
		return block.Plaintext, []*signatureCheck{c}, true
	}
	hashes := hashHeaders(data)
	checks = newSignatureChecks(manifestName, packets)
	for _, c := range checks {
		if c.problem == "" && !slices.Contains(hashes, c.hash) {
			c.fail(pgperrors.StructuralError("made with " + c.hash + ", which no line Hash announces"))
		}
		c.verify(keyring, now, bytes.NewReader(block.Bytes))
	}
	return block.Plaintext, checks, true
}

// hashHeaders returns the algorithms that a clear-signed text announces, or MD5 if
// it announces none. gpg computes only these, so a signature with another algorithm
// is bad (GnuPG, g10/plaintext.c and mainproc.c).
func hashHeaders(text []byte) (hashes []string) {
	_, text, _ = bytes.Cut(text, []byte("\n"))
	for line := range bytes.Lines(text) {
		names, ok := strings.CutPrefix(strings.TrimRight(string(line), "\r\n"), "Hash: ")
		if !ok {
			return hashes
		}
		for name := range strings.SplitSeq(names, ",") {
			hashes = append(hashes, strings.Trim(name, " "))
		}
	}
	return hashes
}

// missingSignatures reports members without signature. If there is any signature,
// Portage requires one for each member except the marker and the Manifest, which is
// signed inside (gpkg.py:1766).
func (v *Verification) missingSignatures(checks []*signatureCheck) {
	for _, m := range v.Members {
		base := m.Base()
		if base == markerName || strings.HasSuffix(base, sigSuffix) ||
			slices.ContainsFunc(checks, func(c *signatureCheck) bool { return c.Member == base }) {
			continue
		}
		v.Signatures = append(v.Signatures, Signature{Member: base, State: SignatureInvalid})
		v.diagnose(m.Offset, ProblemSignatureMissing, "no signature of %s", shorten([]byte(base)))
	}
}

// stateOfAll returns the worst state of the signatures of a package.
func stateOfAll(signatures []Signature) SignatureState {
	worst := 0
	for _, s := range signatures {
		worst = max(worst, slices.Index(signatureStates, s.State))
	}
	return signatureStates[worst]
}

// signatureStates are in the order of their weight.
var signatureStates = []SignatureState{SignatureNone, SignatureValid, SignatureUnchecked, SignatureUnknownKey, SignatureInvalid}
