package packages

import (
	"errors"
	"io/fs"
	"path"

	"emaudit/hostfs"
	"emaudit/settings"
)

// MaxKeyring is the largest accepted size of a keyring, in bytes. Gentoo's own, with
// the key of every developer, has 4 MB.
const MaxKeyring = 64 << 20

// Keyring is the file with the keys that Portage checks signatures with.
type Keyring struct {
	Home string // BINPKG_GPG_VERIFY_GPG_HOME inside the root, or "" if unset
	Path string // of the keyring, inside the root; "" means none
	Data []byte // its content; nil if it cannot be read
	// Daemon reports that Path is the database of keyboxd. Only gpg is meant to read
	// its format.
	Daemon bool
	// Denied reports that only another user may read it.
	Denied bool
}

// FindKeyring returns the keyring in the home of gpg that Portage uses.
func FindKeyring(root *hostfs.Root, s *settings.Settings) (Keyring, error) {
	home := s.Get("BINPKG_GPG_VERIFY_GPG_HOME")
	if home == "" {
		return Keyring{}, nil
	}
	k := Keyring{Home: path.Join("/", home)}
	for _, name := range []string{"pubring.kbx", "pubring.gpg"} {
		k.Path = path.Join(k.Home, name)
		data, err := root.ReadFile(k.Path, MaxKeyring)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0:
			continue
		case errors.Is(err, fs.ErrPermission):
			k.Denied = true
			return k, nil
		}
		k.Data = data
		return k, err
	}
	k.Path = path.Join(k.Home, "public-keys.d/pubring.db")
	if _, err := root.Stat(k.Path); err != nil {
		k.Path = ""
		return k, nil
	}
	k.Daemon = true
	return k, nil
}
