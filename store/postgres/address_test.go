package postgres

import (
	"strings"
	"testing"
)

// TestTheCertificateIsVerifiedUnlessTheAddressSaysOtherwise: libpq's own default falls
// back to no TLS at all.
func TestTheCertificateIsVerifiedUnlessTheAddressSaysOtherwise(t *testing.T) {
	for _, name := range []string{"PGSSLMODE", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGSERVICE"} {
		t.Setenv(name, "")
	}
	for _, c := range []struct {
		address           string
		tls, checks, bare bool // with TLS, of a server that is checked; without TLS where the server has none
	}{
		{"postgres://fleet.example.org/emaudit", true, true, false},
		{"postgres://fleet.example.org/emaudit?application_name=x", true, true, false},
		{"postgres://fleet.example.org/emaudit?sslmode=require", true, false, false},
		{"postgres://fleet.example.org/emaudit?sslmode=prefer", true, false, true},
		{"postgres://fleet.example.org/emaudit?sslmode=disable", false, false, false},
		{"postgres:///emaudit?host=/run/postgresql", false, false, false},
	} {
		to, err := ParseAddress(c.address)
		if err != nil {
			t.Errorf("%s: %v", c.address, err)
			continue
		}
		tls := to.Config.TLSConfig
		bare := false
		for _, f := range to.Config.Fallbacks {
			bare = bare || f.TLSConfig == nil
		}
		if (tls != nil) != c.tls || tls != nil && tls.InsecureSkipVerify == c.checks || bare != c.bare {
			t.Errorf("%s: TLS %t, checked %t, without TLS otherwise %t", c.address, tls != nil, tls != nil && !tls.InsecureSkipVerify, bare)
		}
	}
}

func TestAnAddressIsShownWithoutCredentials(t *testing.T) {
	for _, c := range []struct{ address, want string }{
		{"postgres://alpha:s3cret@fleet.example.org/emaudit", "postgres://fleet.example.org/emaudit"},
		{"postgresql://fleet.example.org:5433/emaudit?user=alpha&password=s3cret", "postgres://fleet.example.org:5433/emaudit"},
		{"postgres:///emaudit?host=/run/postgresql&user=alpha", "postgres:///emaudit?host=/run/postgresql"},
	} {
		to, err := ParseAddress(c.address)
		if err != nil || to.String() != c.want {
			t.Errorf("%s: shown as %s, %v; want %s", c.address, to, err, c.want)
		}
	}
	for _, address := range []string{"postgres://alpha:s3cret@fleet.example.org:port/emaudit", "postgres://alpha:s3cret@fleet/db?sslmode=no", "postgres://%zz:s3cret@fleet/db", "postgres://fleet/db?password=s3cret&sslmode=no"} {
		if _, err := ParseAddress(address); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: error %v", address, err)
		}
	}
}
