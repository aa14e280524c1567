// Command generate makes large Gentoo hosts, emerge.logs and build logs for
// measurements:
//
//	go run ./internal/hostgen/generate host DIR --installed 2000 --binpkgs 5000
//	go run ./internal/hostgen/generate log 1000000 > emerge.log
//	go run ./internal/hostgen/generate buildlogs DIR --logs 2000 --kib 64 --gzip
package main

import (
	"os"

	"github.com/alecthomas/kong"

	"emaudit/internal/hostgen"
)

type commands struct {
	Host      hostCmd      `cmd:"" help:"A root directory with installed packages, PKGDIR and emerge.log."`
	Log       logCmd       `cmd:"" help:"An emerge.log, to standard output."`
	Buildlogs buildlogsCmd `cmd:"" help:"Build logs and elog files."`
}

type hostCmd struct {
	Dir       string `arg:"" help:"Root directory to make; must be absent or empty."`
	Installed int    `help:"Installed packages, at least." default:"1500"`
	Binpkgs   int    `help:"Binary packages." default:"2400"`
	FileSize  int    `help:"Size in bytes of a file that each binary package has in addition."`
}

func (c *hostCmd) Run() error {
	return hostgen.Host(c.Dir, hostgen.HostOptions{Installed: c.Installed, Binpkgs: c.Binpkgs, FileSize: c.FileSize})
}

type logCmd struct {
	Lines int `arg:"" help:"Lines to write, at least; the last copy is whole."`
}

func (c *logCmd) Run() error {
	return hostgen.EmergeLog(os.Stdout, c.Lines)
}

type buildlogsCmd struct {
	Dir  string `arg:"" help:"Directory to write to."`
	Logs int    `help:"Build logs." default:"2000"`
	Kib  int    `help:"Size of each in KiB." default:"64"`
	Gzip bool   `help:"Compress them."`
}

func (c *buildlogsCmd) Run() error {
	return hostgen.BuildLogs(c.Dir, hostgen.BuildLogOptions{Logs: c.Logs, Size: c.Kib << 10, Gzip: c.Gzip})
}

func main() {
	var c commands
	ctx := kong.Parse(&c, kong.Name("generate"), kong.Description("Make large Gentoo hosts and logs for measuring."))
	ctx.FatalIfErrorf(ctx.Run(&c))
}
