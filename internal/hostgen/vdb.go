package hostgen

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// consolidated lists the fields that Portage also stores in the file "metadata"
// (lib/portage/dbapi/vartree.py).
var consolidated = strings.Fields("BUILD_ID BUILD_TIME CHOST COUNTER DEFINED_PHASES DESCRIPTION EAPI HOMEPAGE IUSE " +
	"KEYWORDS LICENSE PROVIDES RDEPEND REQUIRES SLOT USE repository")

// writeInstalled writes the directory of an installed package below vdb.
func writeInstalled(vdb string, in *instance, median int) error {
	dir := filepath.Join(vdb, in.p.category, in.pf)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	img := newImage(in, median)
	fields := append(in.buildInfo(img),
		field{"CONTENTS", img.contents(in.merged)},
		field{"COUNTER", strconv.Itoa(in.counter)},
	)
	if in.binpkg.md5 != "" {
		fields = append(fields, field{"BINPKGMD5", line(in.binpkg.md5)})
	}
	// "metadata" is valid only if the mtime of the directory agrees to the
	// nanosecond. The time is not a whole second, so that readers that round it
	// fail.
	dirTime := time.Unix(in.merged, int64(in.counter)*1000+1)
	var metadata strings.Builder
	metadata.WriteString("#format=1\n")
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.key, b.key) })
	for _, f := range fields {
		if slices.Contains(consolidated, f.key) {
			fmt.Fprintf(&metadata, "%s=%s\n", f.key, strings.TrimSuffix(f.value, "\n"))
		}
	}
	fmt.Fprintf(&metadata, "#dir_mtime=%d\n", dirTime.UnixNano())

	when := time.Unix(in.merged, 0)
	for _, f := range append(fields, field{"metadata", metadata.String()}) {
		path := filepath.Join(dir, f.key)
		if err := os.WriteFile(path, []byte(f.value), 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(path, when, when); err != nil {
			return err
		}
	}
	return os.Chtimes(dir, dirTime, dirTime)
}
