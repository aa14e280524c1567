package hostgen

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// BuildLogOptions are the parameters of [BuildLogs].
type BuildLogOptions struct {
	Logs int    // number of build logs
	Size int    // size of each log in bytes, decompressed; accurate to a few lines
	Gzip bool   // compress as FEATURES=compress-build-logs does
	Seed uint64 // seed of all random choices
}

const (
	failedLogs = 20 // one of this many build logs ends in a failure
	loudLogs   = 3  // one of this many has a QA notice, and an elog file of its package
)

// BuildLogs writes build logs to dir, with the names that Portage gives them in
// PORTAGE_LOGDIR. It writes elog files to dir/elog.
func BuildLogs(dir string, o BuildLogOptions) error {
	elog := filepath.Join(dir, "elog")
	if err := os.MkdirAll(elog, 0o755); err != nil {
		return err
	}
	rng := newRand(o.Seed, 0)
	catalogue := newCatalogue(rng, min(max(o.Logs, 2), logPackages))
	for i := range o.Logs {
		p := catalogue[i%len(catalogue)]
		if i >= len(catalogue) {
			p.bump(rng, false)
		}
		when := time.Unix(epoch+int64(i)*600, 0).UTC()
		name := fmt.Sprintf("%s:%s:%s.log", p.category, p.pf(), when.Format("20060102-150405"))
		if i%loudLogs == 0 {
			if err := os.WriteFile(filepath.Join(elog, name), []byte(elogMessages(p)), 0o644); err != nil {
				return err
			}
		}
		if o.Gzip {
			name += ".gz"
		}
		if err := writeBuildLog(filepath.Join(dir, name), p, newRand(o.Seed, uint64(i)+1), i, o); err != nil {
			return err
		}
	}
	return nil
}

func elogMessages(p *pkg) string {
	return "WARN: setup\nThe flag " + p.name + " is experimental.\n\n" +
		"QA: install\nQA Notice: Unresolved soname dependencies:\n\n\t/usr/bin/" + p.name + ": libmissing.so.1\n\n" +
		"LOG: postinst\nRead the documentation of " + p.name + " before you start it.\n"
}

func writeBuildLog(path string, p *pkg, rng *rand.Rand, number int, o BuildLogOptions) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var w io.Writer = f
	var zw *gzip.Writer
	if o.Gzip {
		zw = gzip.NewWriter(f)
		w = zw
	}
	b := bufio.NewWriter(w)
	buildLog(b, p, rng, number, o.Size)
	err = b.Flush()
	if zw != nil {
		err = errors.Join(err, zw.Close())
	}
	return errors.Join(err, f.Close())
}

// buildLog writes the log of one build: the header, the phases, lines of the
// compiler until size is reached, and the end.
func buildLog(w *bufio.Writer, p *pkg, rng *rand.Rand, number, size int) {
	cpv := p.category + "/" + p.pf()
	builddir := "/var/tmp/portage/" + cpv
	work := builddir + "/work/" + p.pf()
	written := 0
	say := func(format string, args ...any) {
		n, _ := fmt.Fprintf(w, format+"\n", args...) // w keeps the error for Flush
		written += n
	}
	say(" * Package:    %s:%s", cpv, p.fullSlot())
	say(" * Repository: gentoo")
	say(" * Maintainer: %s@example.org", p.name)
	say(" * USE:        %s", implicit)
	say(" * FEATURES:   preserve-libs sandbox userpriv usersandbox")
	say(">>> Unpacking source...\n>>> Unpacking '%s.tar.xz' to %s/work\n>>> Source unpacked in %s/work", p.pf(), builddir, builddir)
	say(">>> Preparing source in %s ...\n>>> Source prepared.", work)
	say(">>> Configuring source in %s ...", work)
	for i := range 20 {
		say("checking for %s.h... %s", pick(rng, stems), []string{"yes", "no", "(cached) yes"}[i%3])
	}
	say(">>> Source configured.")
	say(">>> Compiling source in %s ...\nmake -j2", work)
	for written < size {
		file := pick(rng, stems) + "_" + pick(rng, stems)
		say("x86_64-pc-linux-gnu-gcc -DHAVE_CONFIG_H -I. -I.. -O2 -pipe -march=x86-64-v3 -MT %s.o -MD -MP -MF .deps/%s.Tpo -c -o %s.o %s.c",
			file, file, file, file)
		if rng.IntN(30) == 0 {
			line := 1 + rng.IntN(2000)
			say("%s.c: In function '%s':", file, pick(rng, stems))
			say("%s.c:%d:%d: warning: unused variable 'i' [-Wunused-variable]", file, line, 5+rng.IntN(40))
			say("%5d |     int i;\n      |         ^", line)
		}
	}
	if number%failedLogs == failedLogs-1 {
		file := pick(rng, stems)
		say("%s.c:%d:5: error: implicit declaration of function 'strlcpy'", file, 1+rng.IntN(2000))
		say("make[1]: *** [Makefile:%d: %s.o] Error 1\nmake: *** [Makefile:12: all] Error 2", 1+rng.IntN(900), file)
		say(" * ERROR: %s::gentoo failed (compile phase):\n *   emake failed\n * ", cpv)
		say(" * Call stack:\n *     ebuild.sh, line  136:  Called src_compile\n *   environment, line 2024:  Called die")
		say(" * The complete build log is located at '/var/log/portage/%s:%s.log'.", p.category, p.pf())
		say(" * Working directory: '%s'\n * S: '%s'", work, work)
		return
	}
	say(">>> Source compiled.\n>>> Test phase [not enabled]: %s\n", cpv)
	say(">>> Install %s into %s/image\n>>> Completed installing %s into %s/image\n", cpv, builddir, cpv, builddir)
	say(" * Final size of build directory: %d KiB\n * Final size of installed tree:  %d KiB\n", 9000+number, 1000+number)
	if number%loudLogs == 0 {
		say("\n * QA Notice: Unresolved soname dependencies:\n * \n * \t/usr/bin/%s: libmissing.so.1\n * ", p.name)
	}
	say("strip: x86_64-pc-linux-gnu-strip --strip-unneeded\n   /usr/bin/%s\n>>> Creating binpkg\n>>> Done.", p.name)
}
