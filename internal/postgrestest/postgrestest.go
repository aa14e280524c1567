// Package postgrestest runs a PostgreSQL server for the tests of a package. The server
// has its files in a temporary folder and listens only on a socket there. It is the
// installed one; where none is installed the tests are skipped, but with the
// environment variable CI set they fail.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	cluster
	once      sync.Once
	err       error
	databases int
	mutex     sync.Mutex
}

// cluster is a server with its databases.
type cluster struct {
	dir     string // of its files and its socket
	port    int    // 0 means that of PostgreSQL
	process *os.Process
	exited  chan struct{}
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
	server.once.Do(func() { server.err = server.start(nil, "-c", "listen_addresses=") })
	check(t, server.err)
	server.mutex.Lock()
	server.databases++
	name := fmt.Sprintf("test%d", server.databases)
	server.mutex.Unlock()
	Exec(t, server.address("postgres", "postgres"), "CREATE DATABASE "+name)
	return server.address("postgres", name)
}

// Secured starts a server for the test, which listens with TLS on a port of 127.0.0.1 and 127.0.0.2
// and shows a certificate. It returns the address of an empty database on its socket,
// and its port. The certificate and its key are in PEM.
func Secured(t testing.TB, certificate, key []byte) (database string, port int) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = free.Addr().(*net.TCPAddr).Port
	free.Close()
	c := cluster{port: port}
	t.Cleanup(c.stop)
	check(t, c.start(map[string][]byte{
		"server.crt": certificate, "server.key": key,
		"pg_hba.conf": []byte("local all all trust\nhostssl all all 127.0.0.0/8 trust\n"),
	}, "-c", "listen_addresses=127.0.0.1,127.0.0.2", "-c", "ssl=on"))
	return c.address("postgres", "postgres"), port
}

// check ends the test where there is no server.
func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, errNone) && os.Getenv("CI") == "":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
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

func (c *cluster) address(role, database string) string {
	query := url.Values{"host": {c.dir}}
	if c.port != 0 {
		query.Set("port", strconv.Itoa(c.port))
	}
	return (&url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database, RawQuery: query.Encode()}).String()
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

// start makes a cluster with these files, and starts the server with options.
func (c *cluster) start(files map[string][]byte, options ...string) error {
	initdb, err := program("initdb")
	if err != nil {
		return err
	}
	postgres, err := program("postgres")
	if err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil { // the path of a socket is short
		return err
	}
	attributes, err := unprivileged(c.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(c.dir, "data")
	made := exec.Command(initdb, "--pgdata="+data, "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C")
	made.SysProcAttr, made.Dir = attributes, c.dir
	if output, err := made.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, output)
	}
	for name, content := range files {
		name = filepath.Join(data, name)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return err
		}
		if attributes.Credential != nil {
			if err := os.Chown(name, int(attributes.Credential.Uid), int(attributes.Credential.Gid)); err != nil {
				return err
			}
		}
	}
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	if c.port != 0 {
		options = append(options, "-p", strconv.Itoa(c.port))
	}
	run := exec.Command(postgres, append([]string{"-D", data, "-k", c.dir, "-c", "fsync=off", "-c", "full_page_writes=off"}, options...)...)
	run.SysProcAttr, run.Dir, run.Stdout, run.Stderr = attributes, c.dir, log, log
	if err := c.launch(run); err != nil {
		return err
	}
	for range 200 {
		conn, err := pgx.Connect(context.Background(), c.address("postgres", "postgres"))
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case <-c.exited:
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("postgres ended: %s", said)
		case <-time.After(25 * time.Millisecond):
		}
	}
	return errors.New("postgres does not answer")
}

// launch starts the server, which ends with this process, however that ends. The
// kernel watches the thread that starts it, so that thread stays.
func (c *cluster) launch(run *exec.Cmd) error {
	run.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	c.exited = make(chan struct{})
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := run.Start()
		if err == nil {
			c.process = run.Process
		}
		started <- err
		if err == nil {
			_ = run.Wait() // its log says more
		}
		close(c.exited)
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
func Stop() { server.stop() }

func (c *cluster) stop() {
	if c.process != nil {
		_ = c.process.Signal(syscall.SIGQUIT) // it may have ended
		<-c.exited
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir) // the folder of temporary files is cleaned anyway
	}
}
