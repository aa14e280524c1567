package look

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/vdb"
)

// outside examines what the steps wrote and removed, and who owns it. A phase may
// write anywhere, and CONTENTS does not list that.
func (l *looker) outside() {
	touched := map[string]*trace{}
	for _, layer := range l.Layers {
		dir, err := layer.Upper.OpenDir("/")
		if err != nil {
			l.unread(layer.Mount, err)
			continue
		}
		l.walk(dir, layer.Mount, touched, 0)
	}
	if len(touched) == 0 {
		return
	}
	for _, cpv := range slices.Sorted(maps.Keys(l.after)) {
		err := l.eachEntry(l.After, cpv, func(e vdb.ContentsEntry) {
			if t := touched[l.realPath(e.Path)]; t != nil && e.Kind != vdb.Directory {
				t.owner = cpv
			}
		})
		if err != nil && !l.isNew[cpv] { // changedFiles reports those
			l.unread(path.Join(l.VDB, cpv, "CONTENTS"), err)
		}
	}
	for cpv := range l.before {
		if _, there := l.after[cpv]; there && !l.isNew[cpv] {
			continue
		}
		// config reports unreadable files.
		_ = l.eachEntry(l.Before, cpv, func(e vdb.ContentsEntry) {
			if t := touched[l.realPath(e.Path)]; t != nil {
				t.owned = true
			}
		})
	}
	places := map[string]*place{}
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		l.trace(name, touched[name], places)
	}
	for _, at := range slices.Sorted(maps.Keys(places)) {
		p := places[at]
		l.say(p.kind, p.first, true, "%s%s", p.who, others(p.n))
	}
}

// trace is what a step left at a path.
type trace struct {
	removed bool
	owner   string // the package that owns it now
	owned   bool   // a replaced or removed package owned it
}

// place is a path at which writing is expected.
type place struct {
	kind  Kind
	first string
	who   string
	n     int
}

func others(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", and %d more there", n-1)
}

// trace returns the meaning of a path of an upper layer.
func (l *looker) trace(name string, t *trace, places map[string]*place) {
	switch {
	case t.owner != "" && l.isNew[t.owner]:
		return // file reports the problem
	case t.owner != "" && t.removed:
		l.say(FileForeign, name, false, "it is gone, and belongs to %s, which did not change", t.owner)
		return
	case t.owner != "":
		l.say(FileForeign, name, false, "it was changed, and belongs to %s, which did not change", t.owner)
		return
	case t.removed && t.owned:
		return
	}
	kind := WrittenOutside
	if t.removed {
		kind = RemovedOutside
	}
	if at, who := l.placeOf(name); who != "" {
		key := string(kind) + at
		if places[key] == nil {
			places[key] = &place{kind: kind, first: name, who: who}
		}
		places[key].n++
		return
	}
	switch {
	case t.removed:
		l.say(kind, name, false, "no package owned it")
	case t.owned:
		l.say(kind, name, false, "it belonged to a package that was replaced or removed, and was written again")
	default:
		l.say(kind, name, false, "no package owns it")
	}
}

// maxDepth is the maximum depth of examined folders.
const maxDepth = 200

// walk collects the paths of an upper layer. It closes dir.
func (l *looker) walk(dir *hostfs.Dir, at string, touched map[string]*trace, depth int) {
	defer dir.Close()
	entries, err := dir.Entries()
	if err == nil && depth > maxDepth {
		err = errors.New("folders are nested too deep")
	}
	if err != nil {
		l.unread(at, err)
		return
	}
	if len(entries) == 0 && depth > 0 {
		if _, err := l.Before.Lstat(at); errors.Is(err, fs.ErrNotExist) {
			touched[at] = &trace{}
		}
	}
	for _, e := range entries {
		if l.ctx.Err() != nil {
			return
		}
		name := path.Join(at, e.Name)
		was, err := l.Before.Lstat(name)
		existed := err == nil
		switch e.Kind {
		case hostfs.Directory:
			below, err := dir.OpenDir(e.Name)
			if err != nil {
				l.unread(name, err)
				continue
			}
			l.walk(below, name, touched, depth+1)
		case hostfs.CharDevice:
			// A whiteout is a device 0:0, which the merged tree hides.
			if _, err := l.After.Lstat(name); errors.Is(err, fs.ErrNotExist) {
				if existed {
					touched[name] = &trace{removed: true}
				}
				continue
			}
			touched[name] = &trace{}
		default:
			// Opening a file for writing copies it up, even without a write.
			if existed && was.Kind == e.Kind && was.Size == e.Size && was.MTimeNS == e.MTimeNS && was.Mode == e.Mode && was.UID == e.UID && was.GID == e.GID {
				continue
			}
			touched[name] = &trace{}
		}
	}
}

// writer is a place in which Portage, or a program that packages run, writes during
// every merge.
type writer struct {
	path string // a file, or a folder if it ends in a slash
	who  string // with the source
}

// writers are the places that every host has. The files of Portage are those of
// lib/portage.
var writers = []writer{
	{"/var/db/pkg/", "the database of installed packages (const.py, VDB_PATH)"},
	{"/var/lib/portage/", "the state of Portage (const.py, PRIVATE_PATH)"},
	{"/var/cache/edb/", "the cache of Portage (const.py, CACHE_PATH)"},
	{"/var/lib/gentoo/news/", "the list of unread news (const.py, NEWS_LIB_PATH)"},
	{"/var/log/", "logs: emerge.log, elog, build logs"},
	{"/run/", "what runs"},
	{"/tmp/", "temporary files"},
	{"/var/tmp/", "temporary files (PORTAGE_TMPDIR)"},
	{"/etc/ld.so.cache", "ldconfig, which Portage runs (util/env_update.py)"},
	{"/var/cache/ldconfig/", "ldconfig, which Portage runs (util/env_update.py)"},
	{"/etc/ld.so.conf", "Portage makes it of /etc/env.d (util/env_update.py)"},
	{"/usr/etc/ld.so.conf", "Portage makes it of /etc/env.d (util/env_update.py)"},
	{"/etc/env.d", "Portage makes the folder (util/env_update.py)"},
	{"/etc/profile.env", "Portage makes it of /etc/env.d (util/env_update.py)"},
	{"/etc/csh.env", "Portage makes it of /etc/env.d (util/env_update.py)"},
	{"/etc/environment.d/10-gentoo-env.conf", "Portage makes it of /etc/env.d (util/env_update.py)"},
	{"/etc/prelink.conf", "Portage makes it of /etc/env.d (util/env_update.py)"},
	{"/etc/prelink.conf.d/portage.conf", "Portage makes it of /etc/env.d (util/env_update.py)"},
	{"/usr/share/info/dir", "install-info, which Portage runs (util/_info_files.py)"},
	{"/usr/share/info/dir.old", "install-info, which Portage runs (util/_info_files.py)"},
	{"/etc/portage/package.mask", "the hold of the plan"},
	{"/etc/portage/package.mask/", "the hold of the plan"},
}

// placeOf returns the place that contains a path, and its writer, or "" if no writer
// is known.
func (l *looker) placeOf(name string) (at, who string) {
	if isOffer(path.Base(name), "") {
		return path.Dir(name) + "/._cfg", "offered by Portage beside a protected file"
	}
	for at, by := range l.Places {
		if name == at || strings.HasPrefix(name, strings.TrimSuffix(at, "/")+"/") {
			return at, by
		}
	}
	for _, w := range writers {
		if name == w.path || strings.HasSuffix(w.path, "/") && strings.HasPrefix(name+"/", w.path) {
			return w.path, w.who
		}
	}
	return "", ""
}
