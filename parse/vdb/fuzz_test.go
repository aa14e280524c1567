package vdb_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"emaudit/parse/vdb"

	"github.com/google/go-cmp/cmp"
)

// FuzzPackage holds the file metadata to its law: where it counts, it says what
// the files of single keys with its values would.
func FuzzPackage(f *testing.F) {
	f.Add("#format=1\nSLOT=0\nUSE=a b\nRDEPEND=x/y:=\nrepository=lab\nCOUNTER=5\n#dir_mtime=7\n", int64(7))
	f.Add("#format=1\nSLOT=1/2\nBUILD_ID=x\nEAPI=\nUSE= a  b \nUSE=c\n# USE=d\nX=y\njunk\r\n#dir_mtime=7\n#dir_mtime=8\n", int64(8))
	f.Add("#format=2\nSLOT=0\n#dir_mtime=7\n", int64(7))
	f.Fuzz(func(t *testing.T, text string, mtime int64) {
		whole := memDir{mtime: mtime, files: map[string]string{"metadata": text, "BINPKGMD5": text}}
		p, diags, err := vdb.ReadPackage("a", "b-1", whole, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range diags {
			if d.Offset < 0 || d.Offset > int64(len(text)) || !strings.HasPrefix(d.Message, "a/b-1: ") {
				t.Errorf("diagnostic %+v in %d bytes", d, len(text))
			}
		}
		if p.Slot == "" || p.SubSlot == "" || p.EAPI == "" {
			t.Errorf("no slot or EAPI: %+v", p)
		}
		if p.Metadata != vdb.MetadataFresh || !utf8.ValidString(text) {
			return
		}
		single := memDir{mtime: mtime, files: map[string]string{"BINPKGMD5": text}}
		for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			if key, value, ok := strings.Cut(line, "="); ok && line[0] != '#' {
				single.files[key] = value
			}
		}
		delete(single.files, "metadata")
		want, _, err := vdb.ReadPackage("a", "b-1", single, 0)
		if err != nil {
			t.Fatal(err)
		}
		if single.files["BINPKGMD5"] != text {
			p.BinpkgMD5 = want.BinpkgMD5
		}
		want.Metadata = p.Metadata
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("package (-single files +metadata):\n%s", diff)
		}
	})
}
