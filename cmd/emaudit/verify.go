package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/ingest"
	"emaudit/ingest/packages"
	"emaudit/parse/binpkg"
	"emaudit/report/binaries"
	"emaudit/report/screen"
)

// verifyCommand reads binary packages in full.
type verifyCommand struct {
	Paths   []string `arg:"" optional:"" name:"path" help:"Binary packages or folders, inside the root or below PKGDIR (default: all)."`
	All     bool     `help:"Read unchanged files again, too."`
	MaxAge  age      `placeholder:"AGE" help:"Read files again whose last reading is older: 30d, 12h."`
	Sample  *int     `placeholder:"N" help:"Read the N files with the oldest last reading, for a nightly job; with --max-age only due ones."`
	Keyring string   `placeholder:"FILE" type:"path" help:"Public keys: a keybox, a keyring or exported keys (default: BINPKG_GPG_VERIFY_GPG_HOME of the root)."`
	Images  bool     `help:"Unpack every image, not only those that no checksum of this host covers."`
	Md5     bool     `name:"md5" help:"Compare the MD5 of the index even if its SHA1 matches."`
}

func (*verifyCommand) Help() string {
	return `Reads every byte of the binary packages and compares it with the Manifest
(SHA512 and BLAKE2B), the signatures, the Packages index (SIZE, SHA1 or MD5) and
the BINPKGMD5 of installed packages. A file that was read is not read again
until its inode, size or mtime changes. After an interruption the same command
goes on with the remaining files; an interrupted --all prints the --max-age to
go on with.

A signature is valid, invalid, made by an unknown key, or unchecked. emaudit
does not judge whether you should trust a key.
` + exitStatus
}

// age is a duration that may have days and weeks.
type age time.Duration

// UnmarshalText parses an age: 30d, 2w, or a duration of [time.ParseDuration].
func (a *age) UnmarshalText(text []byte) error {
	s := string(text)
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, err := strconv.ParseUint(strings.TrimSuffix(s, suffix), 10, 16); err == nil && strings.HasSuffix(s, suffix) {
			*a = age(time.Duration(n) * unit)
			return nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second {
		return fmt.Errorf("%q is no age: want 30d, 2w or 12h", s)
	}
	*a = age(d)
	return nil
}

func (c *verifyCommand) Run(ctx context.Context, s *session) error {
	if s.NoIngest {
		return usagef("verify reads the files: it cannot be done with --no-ingest")
	}
	sample := 0
	if c.Sample != nil {
		if sample = *c.Sample; sample < 1 {
			return usagef("verify: --sample %d", sample)
		}
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if s.stale != nil {
		return fmt.Errorf("%w: the result could not be stored", s.stale)
	}
	options := packages.VerifyOptions{
		Now: s.proc.now().Unix(), Jobs: s.Jobs, Progress: s.progress, Wanted: c.wanted(s),
		All: c.All, MaxAge: int64(time.Duration(c.MaxAge) / time.Second), Sample: sample, Images: c.Images, MD5: c.Md5,
	}
	keyring, err := c.readKeyring(s, &options)
	if err != nil {
		return err
	}
	started := s.proc.now()
	done, err := packages.Verify(ctx, s.db, ingest.Host{ID: s.host, Root: s.root, Settings: s.settings}, options)
	if err != nil {
		if ctx.Err() != nil && done.Due > 0 {
			return fmt.Errorf("verify: %d of %d files are done and kept; %s goes on with the others: %w", done.Read, done.Due, c.goesOn(options, done), err)
		}
		return fmt.Errorf("verify: %w", err)
	}
	if done.Wanted == 0 && len(c.Paths) > 0 {
		return fmt.Errorf("verify %s: no binary package there", strings.Join(c.Paths, " "))
	}
	var integrity *binpkgs.Integrity
	err = s.ask(ctx, func(db audit.Database) (err error) {
		integrity, err = binpkgs.AuditIntegrity(db, binpkgs.IntegrityOptions{
			Running: s.running(), Needed: s.needed(db), Only: func(pkgdir, path string) bool { return done.Files[[2]string{pkgdir, path}] },
		})
		return err
	})
	if err != nil {
		return err
	}
	verified := binaries.Verified{
		Read: done.Read, Bytes: done.Bytes, Skipped: len(done.Files) - done.Due, Changed: done.Changed,
		Seconds: int64(s.proc.now().Sub(started).Round(time.Second) / time.Second), Keyring: keyring,
	}
	out := s.out()
	if err := out.Write(binaries.Verify(verified, integrity, out)); err != nil {
		return err
	}
	return s.verdict(integrity.Findings, "warning")
}

// goesOn returns the command that continues an interrupted verification. After --all
// every file has been read at some time, and only the age of the last reading
// distinguishes them.
func (c *verifyCommand) goesOn(options packages.VerifyOptions, done packages.VerifyResult) string {
	between := options.Now - done.Before
	switch {
	case !c.All || c.Sample != nil:
		return "the same command"
	case done.Before == 0:
		return "verify"
	case between < 2:
		return "verify --all" // nothing distinguishes them
	case between >= 4*86400:
		return fmt.Sprintf("verify --max-age %dd", between/2/86400)
	case between >= 4*3600:
		return fmt.Sprintf("verify --max-age %dh", between/2/3600)
	}
	return fmt.Sprintf("verify --max-age %ds", between/2)
}

// wanted returns a function that selects the files of the command line: each is a
// file or a folder inside the root or, as emaudit prints it, below a pkgdir.
func (c *verifyCommand) wanted(s *session) func(pkgdir, rel string) bool {
	if len(c.Paths) == 0 {
		return nil
	}
	covers := func(p, file string) bool { return file == p || p == "." || p == "/" || strings.HasPrefix(file, p+"/") }
	return func(pkgdir, rel string) bool {
		for _, p := range c.Paths {
			p = path.Clean(p)
			inside := s.inside(p)
			if !s.root.IsSystem() {
				if below, ok := strings.CutPrefix(inside, s.root.Name()+"/"); ok {
					inside = "/" + below
				}
			}
			if covers(inside, path.Join(pkgdir, rel)) || !path.IsAbs(p) && covers(p, rel) {
				return true
			}
		}
		return false
	}
}

// readKeyring reads the keys for checking signatures, and prints their origin. It is
// no error if Portage's keyring does not exist: signatures are then unchecked.
func (c *verifyCommand) readKeyring(s *session, options *packages.VerifyOptions) (string, error) {
	data, from, err := c.findKeyring(s)
	if err != nil {
		return "", fmt.Errorf("keyring %s: %w", from, err)
	}
	if data == nil {
		return "", nil
	}
	options.Keyring, err = binpkg.ReadKeyring(data)
	if errors.Is(err, binpkg.ErrNoKeys) && c.Keyring == "" {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("keyring %s: %w", from, err)
	}
	if n := len(options.Keyring.Diagnostics); n > 0 && !s.Quiet {
		s.messages.Note(fmt.Sprintf("keyring %s: %s could not be read", from, screen.Count(int64(n), "key", "keys")))
	}
	digest := sha256.Sum256(data)
	options.KeyringDigest = digest[:]
	return from, nil
}

// findKeyring returns the content of the keyring, or nil if there is none.
func (c *verifyCommand) findKeyring(s *session) (data []byte, from string, err error) {
	if c.Keyring != "" {
		file, err := os.Open(c.Keyring)
		if err != nil {
			return nil, c.Keyring, errors.Unwrap(err)
		}
		defer file.Close()
		data, err := io.ReadAll(io.LimitReader(file, packages.MaxKeyring+1))
		return data, c.Keyring, err
	}
	k, err := packages.FindKeyring(s.root, s.settings)
	switch {
	case k.Denied:
		s.messages.Warning(fmt.Sprintf("keyring %s cannot be read: signatures stay unchecked", k.Path))
	case k.Daemon:
		s.messages.Warning(fmt.Sprintf("the keys are in keyboxd's database %s, which is not read: signatures stay unchecked", k.Path))
		s.messages.Hint(audit.Do(audit.Files("gpg", "--homedir", k.Home, "--output", "keys.gpg", "--export"), audit.Emaudit("verify", "--keyring", "keys.gpg")).At(s.place()).String())
	}
	return k.Data, k.Path, err
}
