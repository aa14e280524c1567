package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fileTree has a line for each file of a root: its type, mode, owner and content.
type fileTree map[string]string

// proofFolders are the folders in which Portage installs, or keeps its files.
var proofFolders = []string{"bin", "boot", "etc", "lib", "lib64", "opt", "sbin", "usr", "var"}

// treeOf reads a root. A whiteout is a file that is not there.
func treeOf(t *testing.T, root string) fileTree {
	t.Helper()
	all := fileTree{}
	for _, top := range proofFolders {
		all.add(t, root, top, func(string) {})
	}
	return all
}

// with returns the tree with the upper layer of an overlay over it.
func (tr fileTree) with(t *testing.T, upper string) fileTree {
	t.Helper()
	all := maps.Clone(tr)
	for _, top := range proofFolders {
		all.add(t, upper, top, func(hidden string) {
			maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasPrefix(name, hidden+"/") })
			delete(all, hidden)
		})
	}
	return all
}

// add adds the files below a folder. It calls hide for each path that hides the one
// of a lower layer: a whiteout, and a folder that is opaque
// (Documentation/filesystems/overlayfs.rst).
func (tr fileTree) add(t *testing.T, root, top string, hide func(string)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		content := ""
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFCHR:
			if st.Rdev == 0 {
				hide(rel)
				return nil
			}
		case unix.S_IFDIR:
			opaque := make([]byte, 1)
			if n, err := unix.Lgetxattr(name, "trusted.overlay.opaque", opaque); err == nil && n == 1 && opaque[0] == 'y' {
				hide(rel)
			}
		case unix.S_IFLNK:
			content, err = os.Readlink(name)
		case unix.S_IFREG:
			var b []byte
			b, err = os.ReadFile(name)
			content = fmt.Sprintf("%x", sha256.Sum256(b))
		}
		tr[rel] = fmt.Sprintf("%o %d:%d %s", st.Mode, st.Uid, st.Gid, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// varies has the paths that two executions of one plan never have alike: they name
// the time, or the folder for the copies, which is named after the time.
var varies = regexp.MustCompile(`^(` + strings.Join([]string{
	`var/log/.*`, `var/tmp/.*`, `var/cache/edb/.*`, `etc/ld\.so\.cache`, `var/cache/ldconfig/.*`,
	`var/db/pkg/.*/(environment\.bz2|CONTENTS|BINPKGMD5|metadata)`,
	`var/cache/binpkgs/Packages(\.gz)?`, `var/cache/binpkgs/.*\.(gpkg\.tar|xpak|tbz2)`, `var/lib/gentoo/news/.*`,
}, "|") + `)$`)

// differencesOf returns the paths at which two trees differ, at most 20.
func differencesOf(want, got fileTree) string {
	var all []string
	for name, is := range want {
		other, there := got[name]
		if !there && !varies.MatchString(name) {
			all = append(all, "-"+name)
		} else if there && other != is && !varies.MatchString(name) {
			all = append(all, fmt.Sprintf("%s: %s, %s", name, is, other))
		}
	}
	for name := range got {
		if _, there := want[name]; !there && !varies.MatchString(name) {
			all = append(all, "+"+name)
		}
	}
	slices.Sort(all)
	if len(all) > 20 {
		all = append(all[:20], fmt.Sprintf("and %d more", len(all)-20))
	}
	return strings.Join(all, "\n")
}
