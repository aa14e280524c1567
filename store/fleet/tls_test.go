package fleet_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"emaudit/internal/audittest"
	"emaudit/internal/postgrestest"
	"emaudit/store"
	"emaudit/store/fleet"
	"emaudit/store/postgres"
)

// TestAPushVerifiesTheServer pushes to a PostgreSQL with TLS, whose certificate is for
// 127.0.0.1 and signed by an authority of the test. A bare machine may know no localhost.
func TestAPushVerifiesTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, blocks ...*pem.Block) (path string, text []byte) {
		for _, b := range blocks {
			text = append(text, pem.EncodeToMemory(b)...)
		}
		path = filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path, text
	}
	ours, other := newAuthority(t), newAuthority(t)
	root, _ := write("ours.crt", &pem.Block{Type: "CERTIFICATE", Bytes: ours.certificate.Raw})
	wrong, _ := write("other.crt", &pem.Block{Type: "CERTIFICATE", Bytes: other.certificate.Raw})
	shown := ours.sign(t, x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)})
	private, err := x509.MarshalPKCS8PrivateKey(shown.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	_, certificate := write("server.crt", &pem.Block{Type: "CERTIFICATE", Bytes: shown.Certificate[0]})
	_, key := write("server.key", &pem.Block{Type: "PRIVATE KEY", Bytes: private})
	database, port := postgrestest.Secured(t, certificate, key)
	postgrestest.Exec(t, database, store.FleetSchema())
	postgrestest.Exec(t, database, "CREATE ROLE alpha LOGIN IN ROLE emaudit_host")
	h := audittest.Alpha(t)
	for _, c := range []struct {
		name, host, options string
		refused             string // words of the error; "" means that it is accepted
	}{
		{"verify-full", "127.0.0.1", "?sslmode=verify-full&sslrootcert=" + root, ""},
		{"no mode", "127.0.0.1", "?sslrootcert=" + root, ""},
		{"no mode, and the system does not know the authority", "127.0.0.1", "", "the certificate of the server is refused: x509: certificate signed by unknown authority"},
		{"another authority", "127.0.0.1", "?sslmode=verify-full&sslrootcert=" + wrong, "the certificate of the server is refused: x509: certificate signed by unknown authority"},
		{"another name", "127.0.0.2", "?sslmode=verify-full&sslrootcert=" + root, "the certificate of the server is refused: x509: certificate is valid for 127.0.0.1, not 127.0.0.2"},
		{"another name, no mode", "127.0.0.2", "?sslrootcert=" + root, "the certificate of the server is refused: x509: certificate is valid for 127.0.0.1, not 127.0.0.2"},
		{"no TLS", "127.0.0.1", "?sslmode=disable", "no encryption"},
	} {
		address := fmt.Sprintf("postgres://alpha:s3cret@%s:%d/postgres%s", c.host, port, c.options)
		_, err := push(h, address, fleet.Options{})
		if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %v; want %q", c.name, err, c.refused)
		}
		if err != nil {
			continue
		}
		to, err := postgres.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.ConnectConfig(context.Background(), to.Config)
		if err != nil {
			t.Fatal(err)
		}
		var encrypted bool
		if err := conn.QueryRow(context.Background(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted); err != nil || !encrypted {
			t.Errorf("%s: encrypted %t, %v", c.name, encrypted, err)
		}
		conn.Close(context.Background())
	}
}
