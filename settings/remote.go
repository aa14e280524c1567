package settings

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// RemoteIndex is the index of a binhost, as Portage keeps it.
type RemoteIndex struct {
	// Dir is the folder in which Portage keeps the index. It may not exist.
	Dir string
	// FetchedTo is the folder in which Portage puts what it fetches, at the path that
	// the index names, or "" for PKGDIR. Portage before 3.0.77 knows no default for it
	// and puts all into PKGDIR.
	FetchedTo string
}

// remoteIndexes is the folder of the indexes that Portage downloaded, below EROOT.
const remoteIndexes = "var/cache/edb/binhost"

// RemoteIndexes returns the indexes of all binhosts in binrepos.conf and
// PORTAGE_BINHOST. Portage keeps each in a folder that the host and the path of its
// address name (bintree.py, _populate_remote_repo).
func (s *Settings) RemoteIndexes() []RemoteIndex {
	var all []RemoteIndex
	binhost := s.Get("PORTAGE_BINHOST")
	add := func(uri, fetchedTo string) {
		u, err := url.Parse(strings.TrimSpace(uri))
		if err != nil || uri == "" {
			return
		}
		dir := path.Join(s.inEROOT(remoteIndexes), u.Hostname(), path.Clean("/"+u.Path))
		if !slices.ContainsFunc(all, func(r RemoteIndex) bool { return r.Dir == dir }) {
			all = append(all, RemoteIndex{dir, fetchedTo})
		}
	}
	f := s.binrepos()
	for _, name := range f.names {
		uri, ok := f.get(name, "sync-uri")
		if !ok {
			continue
		}
		location, ok := f.get(name, "location")
		switch {
		case ok && location.value != "":
			location.value = path.Clean("/" + location.value)
		case binhost == "":
			// With PORTAGE_BINHOST there is no default (binrepo/config.py).
			location.value = s.inEPREFIX("var/cache/binhost/" + name)
		}
		if location.value == path.Clean("/"+s.Get("PKGDIR")) {
			location.value = "" // bintree.py, get_local_repo_location
		}
		add(uri.value, location.value)
	}
	for uri := range strings.FieldsSeq(binhost) {
		add(uri, "")
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
