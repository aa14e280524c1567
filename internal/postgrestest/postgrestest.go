// Package postgrestest runs a PostgreSQL server for the tests of a package. The server
// has its files in a temporary folder and listens only on a socket there. It is the
// installed one; where none is installed the tests are skipped, but with the
// environment variable CI set they fail.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is the server of this test binary.
var server struct {
	once      sync.Once
	dir       string // of its files and its socket
	process   *os.Process
	exited    chan struct{}
	err       error
	databases int
	mutex     sync.Mutex
}

// errNone means that no server is installed.
var errNone = errors.New("no PostgreSQL is installed")

// Main runs the tests of a package and stops the server. Call it from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

// Database returns the address of a new, empty database of the test. The role of the
// address owns the server.
func Database(t testing.TB) string {
	t.Helper()
	server.once.Do(func() { server.err = start() })
	switch {
	case errors.Is(server.err, errNone) && os.Getenv("CI") == "":
		t.Skip(server.err)
	case server.err != nil:
		t.Fatal(server.err)
	}
	server.mutex.Lock()
	server.databases++
	name := fmt.Sprintf("test%d", server.databases)
	server.mutex.Unlock()
	Exec(t, address("postgres", "postgres"), "CREATE DATABASE "+name)
	return address("postgres", name)
}

// As returns the address of the same database for another role.
func As(database, role string) string {
	parsed, err := url.Parse(database)
	if err != nil {
		panic(err) // it came from Database
	}
	parsed.User = url.User(role)
	return parsed.String()
}

// Exec runs statements in a database.
func Exec(t testing.TB, database, statements string) {
	t.Helper()
	if err := Try(database, statements); err != nil {
		t.Fatal(err)
	}
}

// Try is like [Exec], but returns the error.
func Try(database, statements string) error {
	conn, err := pgx.Connect(context.Background(), database)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	_, err = conn.PgConn().Exec(context.Background(), statements).ReadAll()
	return err
}

func address(role, database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database, RawQuery: url.Values{"host": {server.dir}}.Encode()}).String()
}

// program returns the path of a program of the server. Distributions keep them out of
// PATH, several versions side by side.
func program(name string) (string, error) {
	found, _ := filepath.Glob("/usr/lib*/postgresql*/*/bin/" + name) // Debian, Gentoo
	more, _ := filepath.Glob("/usr/lib*/postgresql-*/bin/" + name)
	if found = append(found, more...); len(found) > 0 {
		return slices.Max(found), nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", errNone
	}
	return path, nil
}

// start makes a cluster and starts the server.
func start() error {
	initdb, err := program("initdb")
	if err != nil {
		return err
	}
	postgres, err := program("postgres")
	if err != nil {
		return err
	}
	if server.dir, err = os.MkdirTemp("", "pg"); err != nil { // the path of a socket is short
		return err
	}
	attributes, err := unprivileged(server.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(server.dir, "data")
	made := exec.Command(initdb, "--pgdata="+data, "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C")
	made.SysProcAttr, made.Dir = attributes, server.dir
	if output, err := made.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, output)
	}
	log, err := os.Create(filepath.Join(server.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	run := exec.Command(postgres, "-D", data, "-k", server.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off")
	run.SysProcAttr, run.Dir, run.Stdout, run.Stderr = attributes, server.dir, log, log
	if err := launch(run); err != nil {
		return err
	}
	for range 200 {
		conn, err := pgx.Connect(context.Background(), address("postgres", "postgres"))
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case <-server.exited:
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("postgres ended: %s", said)
		case <-time.After(25 * time.Millisecond):
		}
	}
	return errors.New("postgres does not answer")
}

// launch starts the server, which ends with this process, however that ends. The
// kernel watches the thread that starts it, so that thread stays.
func launch(run *exec.Cmd) error {
	run.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	server.exited = make(chan struct{})
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := run.Start()
		if err == nil {
			server.process = run.Process
		}
		started <- err
		if err == nil {
			_ = run.Wait() // its log says more
		}
		close(server.exited)
	}()
	return <-started
}

// unprivileged returns how to run the server, which refuses to be root, and gives it
// the folder.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attributes := &syscall.SysProcAttr{}
	if os.Geteuid() != 0 {
		return attributes, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, uidErr := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(nobody.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, err
	}
	attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attributes, os.Chown(dir, int(uid), int(gid))
}

// Stop ends the server, where one runs, and removes its files.
func Stop() {
	if server.process != nil {
		_ = server.process.Signal(syscall.SIGQUIT) // it may have ended
		<-server.exited
	}
	if server.dir != "" {
		_ = os.RemoveAll(server.dir) // the folder of temporary files is cleaned anyway
	}
}
