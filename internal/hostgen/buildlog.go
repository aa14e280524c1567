package hostgen

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// BuildLogOptions are the parameters of [BuildLogs].
type BuildLogOptions struct {
	Logs int  // number of build logs
	Size int  // size that each log has at least, in bytes, decompressed
	Gzip bool // compress as FEATURES=compress-build-logs does
}

// compiling is a line of make that makes a build log longer.
const compiling = "x86_64-pc-linux-gnu-gcc -DHAVE_CONFIG_H -I. -I.. -O2 -pipe -march=x86-64-v3 -MT a_%[1]d.o -MD -MP -MF .deps/a_%[1]d.Tpo -c -o a_%[1]d.o a_%[1]d.c\n"

// BuildLogs writes copies of the recorded build logs and elog files to dir, below the
// names that Portage gives them in PORTAGE_LOGDIR.
func BuildLogs(dir string, o BuildLogOptions) error {
	a, err := unpack()
	if err != nil {
		return err
	}
	defer os.RemoveAll(a.root)
	recorded, err := filepath.Glob(filepath.Join(a.root, "var/log/portage/*.log"))
	if err != nil {
		return err
	}
	for i := range o.Logs {
		log := recorded[i%len(recorded)]
		n := numbered(i/len(recorded), clock{})
		// CATEGORY:PF:TIME.log
		parts := strings.Split(filepath.Base(log), ":")
		pf := strings.TrimPrefix(a.renamed(parts[0]+"/"+parts[1], n), parts[0]+"/")
		name := fmt.Sprintf("%s:%s:%s.log", parts[0], pf, time.Unix(epoch+int64(i)*idle, 0).UTC().Format("20060102-150405"))
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		if err := writeBuildLog(filepath.Join(dir, name), a.renamed(string(text), n), o); err != nil {
			return err
		}
		elogs, err := filepath.Glob(filepath.Join(filepath.Dir(log), "elog", parts[0]+":"+parts[1]+":*.log"))
		if err != nil || len(elogs) == 0 {
			continue
		}
		elog, err := os.ReadFile(elogs[0])
		if err == nil {
			err = write(filepath.Join(dir, "elog", name), a.renamed(string(elog), n), epoch*1e9)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeBuildLog writes a build log that is made longer in the middle, before it says
// how it ended.
func writeBuildLog(path, text string, o BuildLogOptions) error {
	var b strings.Builder
	head, tail := text, ""
	for _, phase := range []string{">>> Source compiled.", " * ERROR: ", ">>> Install "} {
		if i := strings.Index(text, phase); i >= 0 {
			head, tail = text[:i], text[i:]
			break
		}
	}
	b.WriteString(head)
	for i := 0; b.Len()+len(tail) < o.Size; i++ {
		fmt.Fprintf(&b, compiling, i)
	}
	b.WriteString(tail)
	if !o.Gzip {
		return write(path, b.String(), epoch*1e9)
	}
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	_, err := zw.Write([]byte(b.String()))
	if err = errors.Join(err, zw.Close()); err != nil {
		return err
	}
	return write(path+".gz", packed.String(), epoch*1e9)
}
