package binpkg

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp"

	"emaudit/parse"
	"emaudit/parse/binpkg/keybox"
)

// maxKeyring bounds a keyring file. Gentoo's own, with every developer's key,
// has 4 MB.
const maxKeyring = 64 << 20

// ErrNoKeys is a keyring in which not one usable public key was found.
var ErrNoKeys = errors.New("no public keys")

// Keyring holds the public keys that signatures are checked against. It is not
// changed after it was read, and safe for concurrent use.
type Keyring struct {
	keys openpgp.EntityList
	// Diagnostics tell which parts of the file could not be read.
	Diagnostics []parse.Diagnostic
}

// ReadKeyring reads public keys from a file of any of the kinds that GnuPG
// writes: exported (binary or ASCII-armoured), pubring.gpg, or the keybox
// pubring.kbx that it keeps in its home. Keys of kinds that cannot be used are
// passed over. It returns an error that wraps [ErrNoKeys] when none is left.
func ReadKeyring(data []byte) (*Keyring, error) {
	if len(data) > maxKeyring {
		return nil, fmt.Errorf("keyring of %d bytes, limit %d", len(data), maxKeyring)
	}
	k := new(Keyring)
	switch {
	case keybox.Is(data):
		blocks, damage := keybox.Keyblocks(data)
		k.Diagnostics = damage
		for i, block := range blocks {
			keys, err := openpgp.ReadKeyRing(bytes.NewReader(block))
			if err != nil {
				k.Diagnostics = append(k.Diagnostics, parse.Diagnosef(0, ProblemKeyUnreadable, "key %d: %v", i+1, err))
				continue
			}
			k.keys = append(k.keys, keys...)
		}
	case bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN PGP")):
		keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("armoured keyring: %w: %w", ErrNoKeys, err)
		}
		k.keys = keys
	default:
		keys, err := openpgp.ReadKeyRing(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("keyring: %w: %w", ErrNoKeys, err)
		}
		k.keys = keys
	}
	if len(k.keys) == 0 {
		return nil, fmt.Errorf("keyring: %w", ErrNoKeys)
	}
	return k, nil
}

// Len returns the number of certificates.
func (k *Keyring) Len() int { return len(k.keys) }
