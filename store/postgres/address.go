package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Address says how to connect to a database.
type Address struct {
	Config *pgx.ConnConfig
	name   string // without user and password
}

// String returns the address without user and password.
func (a Address) String() string { return a.name }

// ParseAddress parses the address of a fleet as libpq does: what it does not say comes
// from the service file, the environment and the password file. The certificate of the
// server is verified unless the address, a service or the environment says otherwise.
func ParseAddress(address string) (Address, error) {
	config, err := pgx.ParseConfig(address)
	if err == nil && triesTLS(config) && !strings.Contains(address, "sslmode=") {
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		config, err = pgx.ParseConfig(address + separator + "sslmode=verify-full")
	}
	if err != nil {
		// The error has the address, with a password that pgx recognised masked.
		var of *pgconn.ParseConfigError
		if errors.As(err, &of) && of.Unwrap() != nil {
			err = of.Unwrap()
		}
		return Address{}, fmt.Errorf("address of PostgreSQL: %w", err)
	}
	config.RuntimeParams["application_name"] = "emaudit"
	config.RuntimeParams["search_path"] = "public"
	name := url.URL{Scheme: "postgres", Host: config.Host, Path: "/" + config.Database}
	if strings.HasPrefix(config.Host, "/") {
		name.Host, name.RawQuery = "", "host="+config.Host
	} else if config.Port != 5432 {
		name.Host = fmt.Sprintf("%s:%d", config.Host, config.Port)
	}
	return Address{config, name.String()}, nil
}

// triesTLS reports whether the mode is libpq's default "prefer": TLS without a check of
// the certificate, and no TLS where the server has none.
func triesTLS(config *pgx.ConnConfig) bool {
	if config.TLSConfig == nil || !config.TLSConfig.InsecureSkipVerify {
		return false
	}
	for _, f := range config.Fallbacks {
		if f.TLSConfig == nil {
			return true
		}
	}
	return false
}
