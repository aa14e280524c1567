package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/overview"
	"emaudit/cli/config"
	"emaudit/cli/suggest"
	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/ingest/live"
	"emaudit/ingest/packages"
	"emaudit/ingest/sources"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/settings"
	"emaudit/store"
	"emaudit/store/inventory"
)

// session is one run of a command: the open database, the host and the outputs.
type session struct {
	*globals
	proc     *process
	messages *screen.Messages
	command  string
	flags    []overview.SettingRow // flags without their default value, with their origin
	// configured is the command with the flags of the configuration and the
	// environment only.
	configured func(command string) (*commandLine, error)

	db       *store.DB
	host     store.HostID
	hostName string
	// elsewhere is the root of a host from the database of another machine. Only
	// stored facts are known of it.
	elsewhere string
	diskFacts []inventory.DiskFact // recorded answers of its disk
	root      *hostfs.Root
	settings  *settings.Settings
	ebuilds   *live.Ebuilds    // nil until [session.buildable] asks
	captures  []ingest.Capture // from the command line
	logs      []string         // further files of emerge.log, from the command line
	ingested  ingest.Result    // empty with --no-ingest
	stale     error            // why the database could not be updated
}

// close releases the resources of open.
func (s *session) close() error {
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.ebuilds != nil {
		s.ebuilds.Close()
	}
	if s.root != nil {
		errs = append(errs, s.root.Close())
	}
	return errors.Join(errs...)
}

// open opens the root and the database. It updates the database, unless --no-ingest
// is set. If the database can be read but not written, the answer comes from stored
// facts and a warning says so: on a full disk people ask what can be pruned.
func (s *session) open(ctx context.Context) error {
	var err error
	if store.IsFleet(s.DB) {
		return s.openFleet(ctx)
	}
	if s.root, err = hostfs.Open(s.Root); err != nil {
		return err
	}
	options := store.Options{ReadOnly: s.NoIngest}
	s.db, err = s.openDatabase(ctx, options)
	if s.mayAnswerStale(err) {
		var readErr error
		if s.db, readErr = s.openDatabase(ctx, store.Options{ReadOnly: true}); readErr != nil {
			return err
		}
		s.answerStale(err)
		err = nil
	}
	if err != nil {
		if s.NoIngest && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: nothing was ingested yet", err)
		}
		return err
	}
	if s.NoIngest || s.stale != nil {
		if err := s.findHost(ctx); err != nil {
			return err
		}
		return s.resolve(ctx)
	}
	if err := s.enterHost(ctx); err != nil {
		return err
	}
	if err := s.resolve(ctx); err != nil || s.elsewhere != "" {
		return err
	}
	if err = s.ingest(ctx); s.mayAnswerStale(err) {
		s.answerStale(err)
		err = nil
	}
	return err
}

// openDatabase opens the database. For root, nobody else may be able to change it or
// its folder, because SQLite also reads FILE-wal next to FILE.
func (s *session) openDatabase(ctx context.Context, options store.Options) (*store.DB, error) {
	if store.IsFleet(s.DB) {
		if !options.ReadOnly {
			return nil, s.notOfFleet()
		}
		return store.OpenFleet(ctx, s.DB)
	}
	if s.proc.euid == 0 {
		path, err := filepath.Abs(s.DB)
		if err == nil {
			err = hostfs.Trusted(path, true)
		}
		if err != nil {
			return nil, errDatabase{fmt.Errorf("database %s: %w", s.DB, err)}
		}
	}
	_, err := os.Stat(filepath.Dir(s.DB))
	db, openErr := store.Open(ctx, s.DB, options)
	// A typo would silently begin a second history.
	typed := slices.ContainsFunc(s.flags, func(f overview.SettingRow) bool { return f.Name == "--db" && f.Source == config.CommandLine })
	if errors.Is(err, fs.ErrNotExist) && openErr == nil && typed && !s.Quiet {
		s.messages.Note(fmt.Sprintf("database %s is new, and so is its folder: nothing was known before", s.DB))
	}
	return db, openErr
}

// errDatabase means that root does not trust the database.
type errDatabase struct{ error }

func (e errDatabase) Unwrap() error { return e.error }

// Hint returns the remedy.
func (errDatabase) Hint() string {
	return "use one in a folder that root alone can write, with --db FILE; the usual one is " + systemDB
}

// mayAnswerStale reports whether, after err, the database can still be read and the
// answer does not need an update of it.
func (s *session) mayAnswerStale(err error) bool {
	return !s.NoIngest && s.command != "ingest" && (errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrFull))
}

// answerStale lets the command answer from stored facts.
func (s *session) answerStale(cause error) {
	s.stale = cause
	s.messages.Warning(fmt.Sprintf("%v; answering from what is stored", cause))
}

// resolve reads Portage's settings of the root. If the root is that of the running
// system, it asks the installed Portage.
func (s *session) resolve(ctx context.Context) (err error) {
	options := settings.Options{
		VDB:       s.inside(s.Vdb),
		EmergeLog: s.inside(s.EmergeLog),
		LogDir:    s.inside(s.Logdir),
		EPREFIX:   s.inside(s.Eprefix),
		Environ:   s.proc.env,
	}
	for _, dir := range s.Pkgdir {
		options.PkgDirs = append(options.PkgDirs, s.inside(dir))
	}
	s.settings, err = settings.Resolve(s.root, options)
	if err != nil || !s.root.IsSystem() {
		return err
	}
	program, lookErr := exec.LookPath("portageq")
	if lookErr != nil || s.host == 0 {
		return nil
	}
	options.Portageq = live.PortageqAnswers(ctx, s.db, s.host, program, s.settings.All(), s.proc.now().Unix())
	s.settings, err = settings.Resolve(s.root, options)
	return err
}

// inside returns a path of the command line as a path inside the root. A relative
// path starts at the working directory of the running system, and at the top of any
// other root.
func (s *session) inside(p string) string {
	switch {
	case p == "" || filepath.IsAbs(p):
		return p
	case s.root.IsSystem():
		if abs, err := filepath.Abs(p); err == nil {
			return abs
		}
	}
	return filepath.Join("/", p)
}

// enterHost adds a new host to the database.
func (s *session) enterHost(ctx context.Context) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		name, err := s.nameHost(tx)
		if err != nil {
			return err
		}
		s.hostName = name
		known, ok, err := tx.FindHost(name)
		switch {
		case err != nil:
			return err
		case ok && known.Elsewhere():
			s.host, s.elsewhere = known.ID, known.RootElsewhere()
			s.diskFacts, err = recordedFacts(tx, s.host)
			return err
		case !ok && s.Host != "":
			if err := s.mayCreateHost(tx); err != nil {
				return err
			}
		}
		s.host, err = tx.EnsureHost(name, s.root.Name(), s.proc.now().Unix())
		return err
	})
}

// ingest updates the database.
func (s *session) ingest(ctx context.Context) (err error) {
	var logs []string
	for _, log := range s.logs {
		logs = append(logs, s.inside(log))
	}
	s.ingested, err = sources.Ingest(ctx, s.db, ingest.Host{ID: s.host, Root: s.root, Settings: s.settings},
		ingest.Options{Now: s.proc.now().Unix(), Jobs: s.Jobs, Progress: s.progress, Captures: s.captures, Logs: logs})
	s.sayFailed()
	return err
}

// compareInstalled stores the changed files of packages without a binary package, for
// an answer that may advise to pack them. If it cannot store, the last comparison
// counts.
func (s *session) compareInstalled(ctx context.Context) error {
	if s.NoIngest || s.stale != nil || s.elsewhere != "" {
		return nil
	}
	err := packages.CheckInstalled(ctx, s.db, ingest.Host{ID: s.host, Root: s.root, Settings: s.settings},
		ingest.Options{Now: s.proc.now().Unix(), Jobs: s.Jobs, Progress: s.progress})
	if s.mayAnswerStale(err) {
		s.answerStale(err)
		return nil
	}
	return err
}

// sayFailed prints the sources that could not be read, whose stored facts are used
// instead.
func (s *session) sayFailed() {
	for _, source := range s.ingested.Sources {
		if source.Failed {
			s.messages.Warning(fmt.Sprintf("%s %s was not brought up to date: %s; answering from what is stored of it", source.Kind, source.Path, source.Problem))
		}
	}
}

// progress shows the progress of a long part, unless --quiet is set.
func (s *session) progress(label string, total int64, bytes bool) ingest.Meter {
	unit := screen.Unit("files")
	if bytes {
		unit = screen.Bytes
	}
	if s.Quiet {
		return (*screen.Progress)(nil)
	}
	return s.messages.Progress(label, total, unit)
}

// findHost finds the host in a database that is only read.
func (s *session) findHost(ctx context.Context) error {
	return s.db.View(ctx, func(tx *store.Tx) error {
		name, err := s.nameHost(tx)
		if err != nil {
			return err
		}
		host, ok, err := tx.FindHost(name)
		if err == nil && !ok {
			hosts, err := tx.Hosts()
			if err != nil {
				return err
			}
			if s.Host != "" && len(hosts) > 0 {
				return noHost(name, hosts)
			}
			return fmt.Errorf("database %s: nothing was ingested of host %s yet", s.db.Path(), name)
		}
		s.host, s.hostName = host.ID, host.Name
		if host.Elsewhere() {
			s.elsewhere = host.RootElsewhere()
			s.diskFacts, err = recordedFacts(tx, host.ID)
		}
		return err
	})
}

// mayCreateHost reports whether --host may name a host that is not in the database.
// The root must have no name yet, or be a Prefix that ingest names. If the name
// resembles a known one, only ingest may create it: a typo would begin a second
// history of a host.
func (s *session) mayCreateHost(tx *store.Tx) error {
	hosts, err := tx.Hosts()
	if err != nil || len(hosts) == 0 {
		return err
	}
	for _, h := range hosts {
		if h.Root == s.root.Name() && !h.Elsewhere() && !(s.Eprefix != "" && s.command == "ingest") {
			err := noHost(s.Host, hosts)
			return errHinted{err, fmt.Sprintf("root %s is host %s; %s gives it another name", h.Root, h.Name, audit.Emaudit("hosts", "--rename", h.Name, s.Host).At(s.place()))}
		}
	}
	if s.command == "ingest" || len(suggest.For(s.Host, hostNames(hosts))) == 0 {
		return nil
	}
	return errHinted{noHost(s.Host, hosts), fmt.Sprintf("%s enters a new one", audit.Emaudit("ingest", "--host", s.Host).At(s.place()))}
}

// noHost is the error about a host that is not in the database.
func noHost(name string, hosts []store.Host) error {
	names := hostNames(hosts)
	question := suggest.Question(suggest.For(name, names))
	if question == "" {
		question = "; there is: " + strings.Join(names, ", ")
	}
	return usagef("no host is called %s%s", name, question)
}

func hostNames(hosts []store.Host) []string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.Name
	}
	return names
}

// nameHost returns the host in the database for the root. A known root keeps its
// name. A new one gets the name of its hostname or its folder, or of both if another
// root has that name: two machines must not share a history by accident. --host
// overrides all of it.
func (s *session) nameHost(tx *store.Tx) (string, error) {
	if s.Host != "" {
		_, known, err := tx.FindHost(s.Host)
		if err == nil && !known {
			if err := store.CheckHostName(s.Host); err != nil {
				return "", usagef("--host: %v", err)
			}
		}
		return s.Host, err
	}
	hosts, err := tx.Hosts()
	if err != nil {
		return "", err
	}
	name := store.HostName(live.HostName(s.root))
	taken := false
	for _, h := range hosts {
		if h.Root == s.root.Name() {
			return h.Name, nil
		}
		taken = taken || h.Name == name
	}
	if taken {
		name += "@" + s.root.Name()
	}
	if err := store.CheckHostName(name); err != nil {
		return "", usagef("%v: name it with --host", err)
	}
	return name, nil
}

// place is where the commands in answers are typed.
func (s *session) place() audit.Place {
	var p audit.Place
	if s.proc.onHost {
		return p
	}
	if store.IsFleet(s.DB) {
		// These are typed on the host, which has a database of its own.
		p.Root = s.elsewhere
		return p
	}
	if s.DB != defaultDB(s.proc) {
		p.Database = s.DB
	}
	if s.elsewhere == "" {
		p.Root, p.EPrefix = s.Root, s.Eprefix
		if s.root != nil && s.settings != nil {
			p.Folders = live.ListFolders(s.root, s.settings)
		}
	}
	return p
}

// ask runs a query on one consistent state of the database.
func (s *session) ask(ctx context.Context, question func(audit.Database) error) error {
	return s.db.View(ctx, func(tx *store.Tx) error {
		db := audit.Database{Tx: tx, Host: s.host, Now: s.proc.now().Unix(), Place: s.place()}
		if s.elsewhere == "" && s.root != nil && s.root.IsSystem() {
			db.AtWork = func() bool { return live.PortageProcess(s.root) != 0 }
		}
		return question(db)
	})
}

// answer brings the database up to date, asks it and writes the answer. The findings of
// the answer decide the exit code, where failOn is the severity without --fail-on.
func (s *session) answer(ctx context.Context, failOn string, question func(audit.Database, report.Output) (report.Answer, error)) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.answerOpen(ctx, failOn, question)
}

// answerOpen is [session.answer] where the database is open.
func (s *session) answerOpen(ctx context.Context, failOn string, question func(audit.Database, report.Output) (report.Answer, error)) error {
	var findings []audit.Finding
	err := s.ask(ctx, func(db audit.Database) error {
		out := s.out()
		answer, err := question(db, out)
		if err != nil {
			return err
		}
		findings = answer.Findings
		return out.Write(answer)
	})
	if err != nil {
		return err
	}
	return s.verdict(findings, failOn)
}

// out returns the output in the requested format.
func (s *session) out() report.Output {
	root := s.elsewhere
	if root == "" && s.root != nil && !s.proc.onHost {
		root = s.root.Name()
	}
	place, terminal := s.place(), s.terminal(s.proc)
	terminal.Root = place.Root
	return report.Output{
		W:        s.proc.stdout,
		Format:   s.Format,
		Terminal: terminal,
		Verbose:  s.Verbose,
		Place:    place,
		Envelope: report.Envelope{Command: s.command, Host: s.hostName, Root: root, GeneratedAt: s.proc.now().Unix()},
	}
}

// verdict returns the error that decides the exit code, from findings and the damage
// that this ingest met.
func (s *session) verdict(findings []audit.Finding, failOnByDefault string) error {
	if limit, ok := s.failOn(failOnByDefault); ok {
		if worst, any := audit.Worst(findings); any && worst.AtLeast(limit) {
			return errFindings{}
		}
	}
	if s.ingested.Damage() > 0 {
		return errDamaged{}
	}
	return nil
}
