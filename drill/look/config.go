package look

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"emaudit/audit/rollback"
	"emaudit/parse/vdb"
)

// config compares what happened to the protected files of the changed packages with
// what the plan promised. Portage offers a file next to an existing one as
// ._cfg0000_NAME (lib/portage/util/__init__.py, new_protect_filename).
func (l *looker) config() {
	owned := map[string]bool{}
	for _, cpv := range l.changed {
		// changedFiles reports unreadable files.
		_ = l.eachEntry(l.After, cpv, func(e vdb.ContentsEntry) {
			if e.Kind == vdb.Regular && l.Protected(e.Path) && !owned[e.Path] {
				owned[e.Path] = true
				l.configFile(cpv, e)
			}
		})
	}
	for _, cpv := range slices.Sorted(maps.Keys(l.before)) {
		if _, there := l.after[cpv]; there {
			continue
		}
		err := l.eachEntry(l.Before, cpv, func(e vdb.ContentsEntry) {
			if e.Kind == vdb.Regular && l.Protected(e.Path) && !owned[e.Path] {
				owned[e.Path] = true
				l.configLeft(cpv, e)
			}
		})
		if err != nil {
			l.unread(path.Join(l.VDB, cpv, "CONTENTS"), err)
		}
	}
}

// configFile reports what happened to a file that a package has now.
func (l *looker) configFile(cpv string, e vdb.ContentsEntry) {
	now, _, err := digest(l.After, e.Path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return // changedFiles reports it
	}
	then, _, err := digest(l.Before, e.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.unread(e.Path, err)
		return
	}
	switch {
	case strings.EqualFold(now, e.MD5):
		if then != "" && now != then {
			l.became(ConfigReplaced, e.Path, cpv+" replaced it")
		}
	case l.offered(e):
		l.became(ConfigOffered, e.Path, "the file of "+cpv+" is offered beside it")
	case missing:
		l.say(FileMissing, e.Path, false, "%s installed it, and it is not offered beside either", cpv)
	case now == then:
		l.became(ConfigKept, e.Path, "the file of "+cpv+" is neither installed nor offered")
	default:
		l.say(FileContent, e.Path, false, "its MD5 is %s, which is neither that of %s nor the one that it had", now, cpv)
	}
}

// configLeft reports what happened to a file of a removed package.
func (l *looker) configLeft(cpv string, e vdb.ContentsEntry) {
	if _, err := l.Before.Lstat(e.Path); errors.Is(err, fs.ErrNotExist) {
		return
	}
	switch _, err := l.After.Lstat(e.Path); {
	case errors.Is(err, fs.ErrNotExist):
		l.became(ConfigRemoved, e.Path, "it went with "+cpv)
	case err != nil:
		l.unread(e.Path, err)
	default:
		l.became(ConfigKept, e.Path, "it stays behind "+cpv)
	}
}

// promises are the promises of a plan about a protected file.
var promises = map[Kind]string{
	ConfigReplaced: rollback.EffectReplaced, ConfigOffered: rollback.EffectOffered, ConfigKept: rollback.EffectKept, ConfigRemoved: rollback.EffectRemoved,
}

// became reports what happened to a protected file. A plan promises that for existing
// files only.
func (l *looker) became(kind Kind, name, detail string) {
	promise, known := l.Plan.Config[name]
	expected := !known || promise == rollback.EffectUnknown || promise == promises[kind]
	if !expected {
		detail += "; the plan said that it is " + promise
	}
	l.say(kind, name, expected, "%s", detail)
}

// offered reports whether the content of a package is next to a protected file.
func (l *looker) offered(e vdb.ContentsEntry) bool {
	return l.anyOffer(e.Path, func(name string) bool {
		sum, _, err := digest(l.After, name)
		return err == nil && strings.EqualFold(sum, e.MD5)
	})
}

// linkOffered reports whether the link of a package is next to a protected one, and
// adds the observation. Portage protects links like files (vartree.py, mergeme).
func (l *looker) linkOffered(cpv string, e vdb.ContentsEntry) bool {
	found := e.Kind == vdb.Symlink && l.Protected(e.Path) && l.anyOffer(e.Path, func(name string) bool {
		target, err := l.After.Readlink(name)
		return err == nil && target == e.Target
	})
	if found {
		l.became(ConfigOffered, e.Path, "the link of "+cpv+" is offered beside it")
	}
	return found
}

// anyOffer reports whether one of the offers next to a path has the right content.
func (l *looker) anyOffer(file string, right func(name string) bool) bool {
	names, err := l.After.Names(path.Dir(file))
	return err == nil && slices.ContainsFunc(names, func(name string) bool {
		return isOffer(name, path.Base(file)) && right(path.Join(path.Dir(file), name))
	})
}

// isOffer reports whether name is ._cfgNNNN_ followed by file, or by anything if file
// is "".
func isOffer(name, file string) bool {
	rest, ok := strings.CutPrefix(name, "._cfg")
	if !ok || len(rest) < 5 || rest[4] != '_' || strings.Trim(rest[:4], "0123456789") != "" {
		return false
	}
	return file == "" || rest[5:] == file
}
