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
	// FetchedTo is the folder in which Portage puts what it fetches, at the path that
	// the index names, or "" for PKGDIR. Portage before 3.0.77 knows no default for it
	// and puts all into PKGDIR.
	FetchedTo string
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
	setting, _ := s.Lookup("PORTAGE_BINHOST")
	add := func(name, uri, source, location string) {
		u, err := url.Parse(strings.TrimSpace(uri))
		if err != nil || uri == "" {
			return
		}
		address := path.Join(u.Hostname(), path.Clean("/"+u.Path))
		dir := path.Join(s.inEROOT(remoteIndexes), address)
		if !slices.ContainsFunc(all, func(r RemoteIndex) bool { return r.Dir == dir }) {
			all = append(all, RemoteIndex{Name: name, Address: address, Dir: dir, FetchedTo: location, Source: source})
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
		case setting.Value == "":
			// With PORTAGE_BINHOST there is no default (binrepo/config.py).
			location.value = s.inEPREFIX("var/cache/binhost/" + name)
		}
		if location.value == path.Clean("/"+s.Get("PKGDIR")) {
			location.value = "" // bintree.py, get_local_repo_location
		}
		add(name, uri.value, uri.origin.String(), location.value)
	}
	for uri := range strings.FieldsSeq(setting.Value) {
		add("", uri, setting.Source, "")
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
