package settings

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// RemoteIndex is the index of a binhost, as Portage keeps it.
type RemoteIndex struct {
	// Name is the section of binrepos.conf, or "" for a word of PORTAGE_BINHOST.
	Name string
	// Address is the host and path of the binhost, without scheme and credentials.
	Address string
	// Dir is the folder in which Portage keeps the index. It may not exist.
	Dir string
	// Source is the place that names the binhost.
	Source string
}

// remoteIndexes is the folder of the indexes that Portage downloaded, below EROOT.
const remoteIndexes = "var/cache/edb/binhost"

// RemoteIndexes returns the indexes of all binhosts in binrepos.conf and
// PORTAGE_BINHOST. Portage keeps each in a folder that the host and the path of its
// address name (bintree.py, _populate_remote_repo).
func (s *Settings) RemoteIndexes() []RemoteIndex {
	var all []RemoteIndex
	add := func(name, uri, source string) {
		u, err := url.Parse(strings.TrimSpace(uri))
		if err != nil || uri == "" {
			return
		}
		address := path.Join(u.Hostname(), path.Clean("/"+u.Path))
		dir := path.Join(s.inEROOT(remoteIndexes), address)
		if !slices.ContainsFunc(all, func(r RemoteIndex) bool { return r.Dir == dir }) {
			all = append(all, RemoteIndex{Name: name, Address: address, Dir: dir, Source: source})
		}
	}
	f := s.binrepos()
	for _, name := range f.names {
		if uri, ok := f.get(name, "sync-uri"); ok {
			add(name, uri.value, uri.origin.String())
		}
	}
	setting, _ := s.Lookup("PORTAGE_BINHOST")
	for uri := range strings.FieldsSeq(setting.Value) {
		add("", uri, setting.Source)
	}
	return all
}

// binrepos reads binrepos.conf.
func (s *Settings) binrepos() *ini {
	f := newIni(s.iniDefaults())
	s.readIni(f, s.inEPREFIX("usr/share/portage/config/binrepos.conf"))
	s.readIni(f, s.userConfig("binrepos.conf"))
	return f
}
