package hostgen

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// writeIndex writes Packages and Packages.gz as Portage does: sorted, without
// default values, and with the mtime of TIMESTAMP.
func writeIndex(pkgdir string, packed []*instance, timestamp int64) error {
	entries := slices.Clone(packed)
	slices.SortStableFunc(entries, func(a, b *instance) int {
		return cmp.Compare(a.p.category+"/"+a.pf, b.p.category+"/"+b.pf)
	})
	var b bytes.Buffer
	for _, f := range []field{
		{"ACCEPT_KEYWORDS", "amd64"},
		{"ACCEPT_LICENSE", "*"},
		{"ARCH", "amd64"},
		{"CBUILD", chost},
		{"CHOST", chost},
		{"CONFIG_PROTECT", "/etc"},
		{"ELIBC", "glibc"},
		{"FEATURES", features},
		{"IUSE_IMPLICIT", "prefix prefix-guest prefix-stack"},
		{"KERNEL", "linux"},
		{"PACKAGES", strconv.Itoa(len(entries))},
		{"PROFILE", "default/linux/amd64/23.0"},
		{"TIMESTAMP", strconv.FormatInt(timestamp, 10)},
		{"USE", implicit},
		{"USE_EXPAND", "ELIBC KERNEL"},
		{"USE_EXPAND_HIDDEN", "ELIBC KERNEL"},
		{"USE_EXPAND_IMPLICIT", "ARCH ELIBC KERNEL"},
		{"USE_EXPAND_UNPREFIXED", "ARCH"},
		{"USE_EXPAND_VALUES_ARCH", "amd64 arm64"},
		{"USE_EXPAND_VALUES_ELIBC", "glibc musl"},
		{"USE_EXPAND_VALUES_KERNEL", "linux Darwin"},
		{"VERSION", "0"},
	} {
		fmt.Fprintf(&b, "%s: %s\n", f.key, f.value)
	}
	for _, in := range entries {
		b.WriteByte('\n')
		writeEntry(&b, in)
	}
	b.WriteByte('\n')

	var compressed bytes.Buffer
	zw := gzip.NewWriter(&compressed)
	zw.Write(b.Bytes()) // a bytes.Buffer never fails
	zw.Close()

	when := time.Unix(timestamp, 0)
	for _, f := range []struct {
		name string
		data []byte
	}{{"Packages", b.Bytes()}, {"Packages.gz", compressed.Bytes()}} {
		path := filepath.Join(pkgdir, f.name)
		if err := os.WriteFile(path, f.data, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(path, when, when); err != nil {
			return err
		}
	}
	return nil
}

func writeEntry(b *bytes.Buffer, in *instance) {
	slot := in.slot
	if slot == "0" {
		slot = ""
	}
	for _, f := range []field{
		{"BUILD_ID", strconv.Itoa(in.buildID)},
		{"BUILD_TIME", strconv.FormatInt(in.buildTime, 10)},
		{"CPV", in.p.category + "/" + in.pf},
		{"DEFINED_PHASES", "compile configure install"},
		{"EAPI", "8"},
		{"IUSE", strings.Join(in.p.iuse, " ")},
		{"KEYWORDS", "amd64"},
		{"LICENSE", in.p.license},
		{"MD5", in.binpkg.md5},
		{"PATH", in.path()},
		{"PROVIDES", in.provides()},
		{"RDEPEND", in.rdepend},
		{"REQUIRES", in.requires},
		{"SHA1", in.binpkg.sha1},
		{"SIZE", strconv.FormatInt(in.binpkg.size, 10)},
		{"SLOT", slot},
		{"USE", in.use()},
		{"MTIME", strconv.FormatInt(in.packaged, 10)},
		{"REPO", "gentoo"},
	} {
		if f.value != "" {
			fmt.Fprintf(b, "%s: %s\n", f.key, f.value)
		}
	}
}
