package fleet_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"emaudit/internal/audittest"
	"emaudit/internal/postgrestest"
	"emaudit/store"
	"emaudit/store/fleet"
)

// cutter stands between a push and its server, and cuts the connection once so many
// bytes were sent to the server, or where the server would confirm the commit.
type cutter struct {
	after  int64 // bytes; 0 = never
	commit bool
	sent   atomic.Int64 // by the last push
}

// between returns the address of a server behind a cutter.
func (c *cutter) between(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	const name = ".s.PGSQL.5432"
	server := filepath.Join(parsed.Query().Get("host"), name)
	dir, err := os.MkdirTemp("", "cut") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go c.carry(client, server)
		}
	}()
	parsed.RawQuery = url.Values{"host": {dir}}.Encode()
	return parsed.String()
}

func (c *cutter) carry(client net.Conn, server string) {
	defer client.Close()
	upstream, err := net.Dial("unix", server)
	if err != nil {
		return
	}
	defer upstream.Close()
	c.sent.Store(0)
	committing := atomic.Bool{}
	go func() {
		defer client.Close()
		buffer := make([]byte, 4096)
		for {
			n, err := upstream.Read(buffer)
			if err != nil || committing.Load() {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 4096)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if c.after > 0 && c.sent.Load()+int64(n) > c.after {
			return
		}
		c.sent.Add(int64(n))
		if c.commit && bytes.Contains(bytes.ToLower(buffer[:n]), []byte("commit\x00")) {
			committing.Store(true)
		}
		if _, err := upstream.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// TestAPushThatIsCutOffIsMadeUpForByTheNext: wherever the connection ends, the fleet
// has all of it or nothing, and the next push sends what is missing.
func TestAPushThatIsCutOffIsMadeUpForByTheNext(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	whole := &cutter{}
	if _, err := push(h, whole.between(t, role(t, newFleet(t), "emaudit_host")), fleet.Options{}); err != nil {
		t.Fatal(err)
	}
	size := whole.sent.Load()
	for step := range int64(6) {
		t.Run(fmt.Sprintf("after %d of 6", step), func(t *testing.T) {
			alpha := role(t, newFleet(t), "emaudit_host")
			cut := &cutter{after: max(1, size*step/6)}
			if _, err := push(h, cut.between(t, alpha), fleet.Options{}); err == nil {
				t.Fatal("the push did not notice")
			}
			db, err := store.OpenFleet(context.Background(), alpha)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			err = db.View(context.Background(), func(tx *store.Tx) error {
				hosts, err := tx.Hosts()
				if len(hosts) != 0 {
					t.Errorf("half a push arrived: %v", hosts)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			mustPush(t, h, alpha)
			mustEqual(t, h, alpha)
		})
	}
	t.Run("after the commit", func(t *testing.T) {
		alpha := role(t, newFleet(t), "emaudit_host")
		cut := &cutter{commit: true}
		if _, err := push(h, cut.between(t, alpha), fleet.Options{}); err == nil {
			t.Fatal("the push did not notice")
		}
		for range 100 { // the server ends it by itself
			if postgrestest.Try(alpha, "SELECT 1 / (SELECT count(*) FROM host)") == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if again := mustPush(t, h, alpha); again.Rows != 0 {
			t.Errorf("it was committed, and is sent again: %+v", again)
		}
		mustEqual(t, h, alpha)
	})
}

// TestTheSchemasMustBeEqual: a newer one on either side, and none at all.
func TestTheSchemasMustBeEqual(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	for _, c := range []struct {
		statement string
		want      error
	}{
		{"UPDATE fleet SET version = version + 1", store.ErrNewer},
		{"UPDATE fleet SET version = version - 1", store.ErrOlder},
		{"DELETE FROM fleet", store.ErrNoFleet},
		{"DROP TABLE fleet", store.ErrNoFleet},
	} {
		f := newFleet(t)
		postgrestest.Exec(t, f, c.statement)
		if _, err := push(h, f, fleet.Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s: push: %v, want %v", c.statement, err, c.want)
		}
		if _, err := store.OpenFleet(context.Background(), f); !errors.Is(err, c.want) {
			t.Errorf("%s: open: %v, want %v", c.statement, err, c.want)
		}
	}
	if err := postgrestest.Try(newFleet(t), store.FleetSchema()); err == nil || !strings.Contains(err.Error(), "has the tables of a fleet already") {
		t.Errorf("the schema was made twice: %v", err)
	}
}

func TestClocksAreCompared(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	pushed := mustPush(t, h, role(t, newFleet(t), "emaudit_host"))
	if now := time.Now().Unix(); now-pushed.ClockSkew < 1791138000-60 || now-pushed.ClockSkew > 1791138000+60 {
		t.Errorf("the server is %d s ahead of the time of the test", pushed.ClockSkew)
	}
}

// TestAWrongCertificateEndsThePush before it says who it is. To a server with the right
// one it speaks.
func TestAWrongCertificateEndsThePush(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	authority, other := newAuthority(t), newAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.certificate.Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	here := x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	elsewhere, expired := here, here
	elsewhere.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)}
	expired.NotBefore, expired.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	for _, tt := range []struct {
		name     string
		shown    tls.Certificate
		rootCert bool
		right    bool
	}{
		{"the right one", authority.sign(t, here), true, true},
		{"of an authority that the system does not know", authority.sign(t, here), false, false},
		{"of another authority", other.sign(t, here), true, false},
		{"of another server", authority.sign(t, elsewhere), true, false},
		{"an old one", authority.sign(t, expired), true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			said := make(chan string, 1)
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					said <- ""
					return
				}
				defer conn.Close()
				_, _ = io.ReadFull(conn, make([]byte, 8)) // SSLRequest
				_, _ = conn.Write([]byte("S"))
				secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{tt.shown}})
				heard := make([]byte, 1024)
				n, _ := secured.Read(heard)
				said <- string(heard[:n])
			}()
			address := "postgres://alpha:s3cret@" + listener.Addr().String() + "/fleet"
			if tt.rootCert {
				address += "?sslrootcert=" + file
			}
			_, err = push(h, address, fleet.Options{})
			if err == nil || strings.Contains(err.Error(), "certificate") == tt.right || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the push says %v", err)
			}
			if heard := <-said; strings.Contains(heard, "alpha") != tt.right {
				t.Errorf("the server heard %q", heard)
			}
		})
	}
}

// authority signs certificates.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(signed)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key, certificate}
}

func (a *authority) sign(t *testing.T, template x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(2)
	signed, err := x509.CreateCertificate(rand.Reader, &template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}
}

// TestAQuestionToAFleetChangesNothing, whoever asks.
func TestAQuestionToAFleetChangesNothing(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	f := newFleet(t)
	mustPush(t, h, f)
	db, err := store.OpenFleet(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ask := func(question string) (rows int, err error) {
		err = db.Ask(context.Background(), question, func(_ []string, all iter.Seq2[[]any, error]) error {
			for _, err := range all {
				if err != nil {
					return err
				}
				rows++
			}
			return nil
		})
		return rows, err
	}
	if rows, err := ask("SELECT package, count(*) FROM merges GROUP BY package ORDER BY 2 DESC LIMIT 3;"); rows != 3 || err != nil {
		t.Errorf("%d rows, %v", rows, err)
	}
	for _, question := range []string{
		"", "SELEC 1", "SELECT x", "SELECT 1/0", "DELETE FROM run", "SELECT 1; DELETE FROM run", "SELECT 1; COMMIT; DELETE FROM run", "WITH x AS (DELETE FROM run RETURNING 1) SELECT * FROM x",
		"SELECT nextval(pg_get_serial_sequence('host', 'id'))", "SELECT 1 FOR UPDATE; COMMIT", "COPY run TO STDOUT", "DROP TABLE pin",
	} {
		if _, err := ask(question); !errors.Is(err, store.ErrQuestion) {
			t.Errorf("%q: %v", question, err)
		}
	}
	mustEqual(t, h, f)
}

// TestTheDashboardAsksWhatTheFleetHas runs the queries of contrib/grafana/fleet.json as
// a reader.
func TestTheDashboardAsksWhatTheFleetHas(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	reader := role(t, f, "emaudit_reader")
	text, err := os.ReadFile("../../contrib/grafana/fleet.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RawSQL string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	macros := strings.NewReplacer("${host:sqlstring}", "'alpha'", "$package", "dev-libs/openssl")
	filter := regexp.MustCompile(`\$__unixEpochFilter\((\w+)\)`)
	asked := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			asked++
			if err := postgrestest.Try(reader, filter.ReplaceAllString(macros.Replace(target.RawSQL), "$1 BETWEEN 0 AND 1")); err != nil {
				t.Errorf("%s: %v", p.Title, err)
			}
		}
	}
	if asked == 0 {
		t.Error("the dashboard asks nothing")
	}
}
