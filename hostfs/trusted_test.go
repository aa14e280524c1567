package hostfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRootObeysWhatOnlyRootCanWrite: each case changes one thing on the way to a
// file that root alone could write.
func TestRootObeysWhatOnlyRootCanWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const stranger = 65534
	for _, c := range []struct {
		name   string
		alone  bool
		change func(dir string) error // dir/sub/file is what is asked about
		want   string                 // what is named, below dir; "" = trusted
		reason string
	}{
		{"as root makes it", true, func(string) error { return nil }, "", ""},
		{"a file that does not exist", true, func(dir string) error { return os.Remove(dir + "/sub/file") }, "", ""},
		{"a folder that does not exist", true, func(dir string) error { return os.RemoveAll(dir + "/sub") }, "", ""},
		{"a file of somebody else", false, func(dir string) error { return os.Chown(dir+"/sub/file", stranger, 0) }, "sub/file", "belongs to user 65534"},
		{"a file that everybody writes", false, func(dir string) error { return os.Chmod(dir+"/sub/file", 0o646) }, "sub/file", "everybody"},
		{"a file that a group writes", false, func(dir string) error {
			return errors.Join(os.Chown(dir+"/sub/file", 0, stranger), os.Chmod(dir+"/sub/file", 0o664))
		}, "sub/file", "group 65534"},
		{"a file that root's group writes", false, func(dir string) error { return os.Chmod(dir+"/sub/file", 0o664) }, "", ""},
		{"a folder of somebody else", false, func(dir string) error { return os.Chown(dir+"/sub", stranger, 0) }, "sub", "belongs to user"},
		{"a folder that everybody writes", false, func(dir string) error { return os.Chmod(dir+"/sub", 0o777) }, "sub", "everybody"},
		{"a new file in a folder that everybody writes", false, func(dir string) error {
			return errors.Join(os.Remove(dir+"/sub/file"), os.Chmod(dir+"/sub", 0o777))
		}, "sub", "everybody"},
		{"a sticky folder", false, func(dir string) error { return os.Chmod(dir+"/sub", 0o777|os.ModeSticky) }, "", ""},
		{"a sticky folder, where files beside count", true, func(dir string) error { return os.Chmod(dir+"/sub", 0o777|os.ModeSticky) }, "sub", "everybody"},
		{"a new file in it", true, func(dir string) error {
			return errors.Join(os.Remove(dir+"/sub/file"), os.Chmod(dir+"/sub", 0o777|os.ModeSticky))
		}, "sub", "everybody"},
		{"a sticky folder further up", true, func(dir string) error { return os.Chmod(dir, 0o777|os.ModeSticky) }, "", ""},
		{"a folder further up of somebody else", true, func(dir string) error { return os.Chown(dir, stranger, 0) }, ".", "belongs to user"},
		{"a link of root's", true, func(dir string) error {
			return errors.Join(os.Rename(dir+"/sub", dir+"/real"), os.Symlink("real", dir+"/sub"))
		}, "", ""},
		{"a link of root's to what is not", false, func(dir string) error {
			return errors.Join(os.Rename(dir+"/sub", dir+"/real"), os.Chown(dir+"/real", stranger, 0), os.Symlink(dir+"/real", dir+"/sub"))
		}, "real", "belongs to user"},
		{"a link of somebody else in a sticky folder", false, func(dir string) error {
			return errors.Join(os.Chmod(dir, 0o777|os.ModeSticky), os.Rename(dir+"/sub", dir+"/real"), os.Symlink("real", dir+"/sub"), os.Lchown(dir+"/sub", stranger, 0))
		}, "sub", "belongs to user"},
		{"links in a circle", false, func(dir string) error {
			return errors.Join(os.RemoveAll(dir+"/sub"), os.Symlink("sub", dir+"/sub"))
		}, "", "too many levels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dir")
			if err := errors.Join(os.MkdirAll(dir+"/sub", 0o755), os.WriteFile(dir+"/sub/file", nil, 0o644), c.change(dir)); err != nil {
				t.Fatal(err)
			}
			err := Trusted(dir+"/sub/file", c.alone)
			var untrusted *UntrustedError
			switch {
			case c.reason == "":
				if err != nil {
					t.Errorf("want no error, got %v", err)
				}
			case err == nil || !strings.Contains(err.Error(), c.reason):
				t.Errorf("want %q, got %v", c.reason, err)
			case c.want != "" && (!errors.As(err, &untrusted) || untrusted.Path != filepath.Join(dir, c.want)):
				t.Errorf("want %s named, got %v", filepath.Join(dir, c.want), err)
			}
		})
	}
}
