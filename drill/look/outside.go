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
	// path is a file, or a folder if it ends in a slash. Its parts may have the
	// wildcards of [path.Match].
	path string
	who  string // with the source
}

// writers are the places that every host has. The files of Portage are those of
// lib/portage, the others those of the eclasses of the Gentoo repository.
var writers = []writer{
	{"/var/db/pkg/", "the database of installed packages (const.py, VDB_PATH)"},
	{"/var/db/.pkg.portage_lockfile", "the lock of that database (dbapi/vartree.py)"},
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
	{"/etc/gitconfig", "Portage makes a repository a safe.directory of git (sync/modules/git/git.py)"},
	{"/etc/portage/package.mask", "the hold of the plan"},
	{"/etc/portage/package.mask/", "the hold of the plan"},

	{"/usr/share/applications/mimeinfo.cache", "update-desktop-database (xdg-utils.eclass)"},
	{"/usr/share/mime/", "update-mime-database (xdg-utils.eclass)"},
	{"/usr/share/icons/*/icon-theme.cache", "gtk-update-icon-cache (xdg-utils.eclass)"},
	{"/usr/share/glib-2.0/schemas/gschemas.compiled", "glib-compile-schemas (gnome2-utils.eclass)"},
	{"/usr/lib*/gdk-pixbuf-2.0/*/loaders.cache", "gdk-pixbuf-query-loaders (gnome2-utils.eclass)"},
	{"/usr/lib*/gio/modules/giomodule.cache", "gio-querymodules (gnome2-utils.eclass)"},
	{"/usr/lib*/gtk-2.0/*/immodules.cache", "gtk-query-immodules (gnome2-utils.eclass)"},
	{"/usr/lib*/gtk-3.0/*/immodules.cache", "gtk-query-immodules (gnome2-utils.eclass)"},
	{"/var/cache/fontconfig/", "fc-cache (font.eclass)"},
	{"/etc/fonts/conf.d/", "eselect fontconfig (font.eclass)"},
	{"/usr/share/fonts/*/fonts.dir", "mkfontdir (font.eclass)"},
	{"/usr/share/fonts/*/fonts.scale", "mkfontscale (font.eclass)"},
	{"/lib/modules/*/modules.*", "depmod (linux-mod-r1.eclass)"},
	{"/usr/lib/modules/*/modules.*", "depmod (linux-mod-r1.eclass)"},
	{"/etc/udev/hwdb.bin", "udevadm hwdb (udev.eclass)"},
	{"/usr/lib/udev/hwdb.bin", "systemd-hwdb (udev.eclass)"},
	{"/var/lib/systemd/catalog/database", "journalctl --update-catalog (systemd.eclass)"},
	{"/usr/share/vim/vimfiles/doc/tags", "vim, for its help (vim-doc.eclass)"},
	{"/usr/share/emacs/site-lisp/site-gentoo.el", "elisp-site-regen (elisp-common.eclass)"},
	{"/usr/share/texmf*/ls-R", "mktexlsr (latex-package.eclass)"},
	{"/var/lib/texmf/", "TeX, for its formats and maps (texlive-module.eclass)"},
	{"/var/cache/man/", "mandb"},
	{"/usr/lib/locale/locale-archive", "locale-gen, which sys-libs/glibc runs"},
	{"/etc/env.d/", "eselect and the like, for a setting that they keep there"},
}

// has reports whether a path is that place, or below it.
func (w writer) has(name string) bool {
	place, isFolder := strings.CutSuffix(w.path, "/")
	if isFolder {
		// The path may be as deep as it likes below the place.
		parts := strings.SplitN(name, "/", strings.Count(place, "/")+2)
		name = strings.Join(parts[:min(len(parts), strings.Count(place, "/")+1)], "/")
	}
	ok, err := path.Match(place, name)
	return ok && err == nil
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
		if w.has(name) {
			return w.path, w.who
		}
	}
	return "", ""
}
