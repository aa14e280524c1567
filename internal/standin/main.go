// Command standin stands for the programs that the plan of a rollback runs, in a root
// without any: mkdir, cp, rm, printf, emaint, quickpkg and emerge, by the name that it
// is called by. Its emerge merges a binary package by unpacking it and writing its
// entry in the VDB, and asks for nothing.
//
// The file /etc/standin names what goes wrong when it merges: fail, hang, fill, other
// (another version is merged), escape (it writes to the root of the host).
package main

import (
	"archive/tar"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if err := run(filepath.Base(os.Args[0]), os.Args[1:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// run is the program called name.
func run(name string, args []string) error {
	options, words := split(args)
	switch name {
	case "mkdir":
		var errs []error
		for _, w := range words[max(0, len(words)-1):] {
			errs = append(errs, os.MkdirAll(w, 0o755))
		}
		return errors.Join(errs...)
	case "cp":
		content, err := os.ReadFile(words[0])
		if err != nil {
			return err
		}
		return os.WriteFile(words[1], content, 0o644)
	case "rm":
		return os.RemoveAll(words[0])
	case "printf":
		_, err := fmt.Println(strings.Join(args[1:], "\n"))
		return err
	case "emaint", "quickpkg":
		return nil
	case "emerge":
		return emerge(options, words)
	}
	return fmt.Errorf("%s: no program of that name", name)
}

func split(args []string) (options map[string]bool, words []string) {
	options = map[string]bool{}
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			options[a] = true
		} else {
			words = append(words, a)
		}
	}
	return options, words
}

func emerge(options map[string]bool, words []string) error {
	switch {
	case options["--depclean"]:
		fmt.Println(">>> No packages selected for removal by depclean")
		return nil
	case options["--pretend"]:
		fmt.Println("Calculating dependencies ... done!")
		return nil
	case options["--unmerge"]:
		for i, w := range words {
			fmt.Printf(">>> Unmerging (%d of %d) %s...\n", i+1, len(words), strings.TrimPrefix(w, "="))
			if err := unmerge(strings.TrimPrefix(w, "=")); err != nil {
				return err
			}
		}
		return nil
	case options["--noreplace"], options["--deselect"]:
		return nil
	}
	trouble, err := os.ReadFile("/etc/standin")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch strings.TrimSpace(string(trouble)) {
	case "fail":
		return fmt.Errorf(" * ERROR: %s::lab failed (postinst phase):\n *   no way back", strings.TrimPrefix(words[0], "="))
	case "hang":
		time.Sleep(time.Hour)
	case "fill":
		return os.WriteFile("/var/lib/full", make([]byte, 1<<30), 0o644)
	case "other":
		return nil
	case "escape":
		return errors.Join(os.WriteFile("/proc/1/root/escaped", nil, 0o644), os.WriteFile("/proc/sys/kernel/hostname", []byte("escaped"), 0o644))
	}
	for i, w := range words {
		cpv := strings.TrimPrefix(w, "=")
		fmt.Printf(">>> Emerging binary (%d of %d) %s::lab\n", i+1, len(words), cpv)
		if err := merge(cpv); err != nil {
			return err
		}
		fmt.Printf(">>> Completed (%d of %d) %s::lab\n", i+1, len(words), cpv)
	}
	return nil
}

const vdb = "/var/db/pkg"

// merge installs the binary package of a version that lies in PKGDIR, and removes the
// others of its slot.
func merge(cpv string) error {
	files, err := filepath.Glob(filepath.Join(os.Getenv("PKGDIR"), filepath.Dir(cpv), "*", filepath.Base(cpv)+"-*.gpkg.tar"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("%s: not one binary package, but %v: %w", cpv, files, err)
	}
	entry := filepath.Join(vdb, cpv)
	var old []string
	var contents strings.Builder
	keys := map[string]string{}
	err = eachMember(files[0], func(h *tar.Header, r io.Reader) error {
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if key, ok := strings.CutPrefix(h.Name, "metadata/"); ok {
			keys[key] = string(content)
			return nil
		}
		name := "/" + strings.Trim(strings.TrimPrefix(h.Name, "image"), "/")
		switch {
		case name == "/":
			return nil
		case h.Typeflag == tar.TypeDir:
			fmt.Fprintf(&contents, "dir %s\n", name)
			return os.MkdirAll(name, 0o755)
		case h.Typeflag == tar.TypeSymlink:
			fmt.Fprintf(&contents, "sym %s -> %s %d\n", name, h.Linkname, h.ModTime.Unix())
			_ = os.Remove(name)
			return os.Symlink(h.Linkname, name)
		case h.Typeflag == tar.TypeReg:
			fmt.Fprintf(&contents, "obj %s %x %d\n", name, md5.Sum(content), h.ModTime.Unix())
			_ = os.Remove(name)
			return errors.Join(os.WriteFile(name, content, h.FileInfo().Mode().Perm()), os.Chtimes(name, h.ModTime, h.ModTime))
		}
		return fmt.Errorf("%s: a member of type %c", h.Name, h.Typeflag)
	})
	if err != nil {
		return err
	}
	own, _, _ := strings.Cut(strings.TrimPrefix(files[0], os.Getenv("PKGDIR")+"/"+filepath.Dir(cpv)+"/"), "/")
	others, err := filepath.Glob(filepath.Join(vdb, filepath.Dir(cpv), own+"-[0-9]*"))
	if err != nil {
		return err
	}
	for _, o := range others {
		if slot, err := os.ReadFile(filepath.Join(o, "SLOT")); err == nil && string(slot) == keys["SLOT"] {
			old = append(old, o)
		}
	}
	for _, o := range old {
		if err := os.RemoveAll(o); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(entry, 0o755); err != nil {
		return err
	}
	keys["CONTENTS"], keys["COUNTER"] = contents.String(), "99999\n"
	for key, value := range keys {
		if err := os.WriteFile(filepath.Join(entry, key), []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// unmerge removes an installed package.
func unmerge(cpv string) error {
	contents, err := os.ReadFile(filepath.Join(vdb, cpv, "CONTENTS"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(contents)) {
		if kind, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok && kind != "dir" {
			name, _, _ := strings.Cut(rest, " ")
			_ = os.Remove(name)
		}
	}
	return os.RemoveAll(filepath.Join(vdb, cpv))
}

// eachMember visits the members of the metadata and of the image of a gpkg.
func eachMember(name string, visit func(*tar.Header, io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return members(f, func(h *tar.Header, r io.Reader) error {
		if !strings.HasSuffix(h.Name, ".tar.zst") {
			return nil
		}
		z, err := zstd.NewReader(r)
		if err != nil {
			return err
		}
		defer z.Close()
		return members(z, visit)
	})
}

func members(r io.Reader, visit func(*tar.Header, io.Reader) error) error {
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = visit(h, archive)
		}
		if err != nil {
			return err
		}
	}
}
