package binpkg

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp"

	"emaudit/parse"
	"emaudit/parse/binpkg/keybox"
)

// maxKeyring bounds a keyring file, in bytes. Gentoo's keyring, with the keys of
// all developers, has 4 MB.
const maxKeyring = 64 << 20

// ErrNoKeys is the error for a keyring without any usable public key.
var ErrNoKeys = errors.New("no public keys")

// Keyring holds the public keys that verify signatures. It is immutable and safe
// for concurrent use.
type Keyring struct {
	keys openpgp.EntityList
	// Diagnostics name the parts of the file that could not be read.
	Diagnostics []parse.Diagnostic
}

// ReadKeyring reads public keys from any file that GnuPG writes: an export (binary
// or ASCII-armoured), pubring.gpg, or the keybox pubring.kbx. It skips keys of
// unusable kinds. If none is left, the error wraps [ErrNoKeys].
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
