package store

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// target is where a store is.
type target struct {
	name string          // for people, without secrets
	path string          // of the SQLite file; "" for PostgreSQL
	pg   *pgxpool.Config // nil for SQLite
}

// Redacted returns the URL as it may be shown: without password and options.
func Redacted(raw string) string {
	if scheme, _, ok := cutScheme(raw); !ok || scheme == "sqlite" {
		return raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return "(a URL that cannot be read)"
	}
	clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User != nil && u.User.Username() != "" {
		clean.User = url.User(u.User.Username())
	}
	return clean.String()
}

// cutScheme splits what stands before the first colon off. A single letter is a
// drive of Windows.
func cutScheme(raw string) (scheme, rest string, ok bool) {
	scheme, rest, ok = strings.Cut(raw, ":")
	if !ok || len(scheme) < 2 || strings.ContainsAny(scheme, `/\. `) {
		return "", raw, false
	}
	return strings.ToLower(scheme), rest, true
}

func parseURL(raw string, opt Options) (target, error) {
	scheme, rest, ok := cutScheme(raw)
	switch {
	case !ok || scheme == "sqlite":
		return parsePath(rest)
	case scheme == "postgres" || scheme == "postgresql":
		return parsePostgres(raw, opt)
	case scheme == "file":
		return target{}, fmt.Errorf("%w: write sqlite:PATH or a plain path instead of a file URL", ErrConfig)
	}
	return target{}, fmt.Errorf("%w: unknown scheme %q; a store is a path, sqlite:PATH or a postgres URL", ErrConfig, scheme)
}

func parsePath(path string) (target, error) {
	bad := func(msg string) (target, error) { return target{}, fmt.Errorf("%w: %s", ErrConfig, msg) }
	switch {
	case path == "":
		return bad("the path of the store is empty")
	case path == ":memory:":
		return bad("a store in memory is not durable; use the ledger of package engine")
	case strings.ContainsAny(path, "?#\x00"):
		return bad("the path of an SQLite store takes no options: it must not contain ?, # or a zero byte")
	case strings.HasPrefix(path, "//"):
		return bad("write sqlite:PATH, without slashes after the colon that are not of the path")
	}
	return target{name: "sqlite:" + path, path: path}, nil
}

// allowed are the options of a PostgreSQL URL that cannot loosen what the store
// promises. Durability and bounds are Options.
var allowed = []string{"application_name", "connect_timeout", "sslcert", "sslkey", "sslmode", "sslrootcert", "target_session_attrs"}

func parsePostgres(raw string, opt Options) (target, error) {
	bad := func(format string, args ...any) (target, error) {
		return target{}, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Fragment != "" {
		return bad("the URL of the database cannot be read") // the cause would quote the password
	}
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("the options of the database URL cannot be read")
	}
	for name, values := range options {
		if name == "host" && len(values) == 1 && strings.HasPrefix(values[0], "/") {
			continue // the directory of a socket
		}
		if name == "port" && u.Port() == "" {
			continue
		}
		if !slices.Contains(allowed, name) || len(values) > 1 {
			return bad("the option %q is not allowed in the URL of a database, or stands there twice; allowed are %s", name, strings.Join(allowed, ", "))
		}
	}
	if strings.Trim(u.Path, "/") == "" {
		return bad("the URL of the database names no database")
	}
	cfg, err := pgConfig(u, options)
	if err != nil {
		return bad("the URL of the database cannot be used: a host, port, option, certificate or password file in it or in the PG environment is wrong")
	}
	if err := checkTransport(&cfg.ConnConfig.Config, opt.UnsafeTransport); err != nil {
		return target{}, err
	}
	if err := checkParams(cfg.ConnConfig.RuntimeParams); err != nil {
		return target{}, err
	}
	return target{name: Redacted(raw), pg: cfg}, nil
}

// pgConfig lets the driver read the URL. To another machine, TLS that verifies is
// what an absent sslmode means.
func pgConfig(u *url.URL, options url.Values) (*pgxpool.Config, error) {
	if !options.Has("sslmode") && os.Getenv("PGSSLMODE") == "" {
		probe, err := pgconn.ParseConfig(u.String())
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(ends(probe), func(e end) bool { return !e.local() }) {
			v := u.Query()
			v.Set("sslmode", "verify-full")
			u.RawQuery = v.Encode()
		}
	}
	return pgxpool.ParseConfig(u.String())
}

// end is one place to which the driver may connect, and how.
type end struct {
	host     string
	verified bool
}

func ends(c *pgconn.Config) []end {
	list := []end{endOf(&pgconn.FallbackConfig{Host: c.Host, TLSConfig: c.TLSConfig})}
	for _, f := range c.Fallbacks {
		list = append(list, endOf(f))
	}
	return list
}

// endOf: sslmode=require has InsecureSkipVerify alone, verify-ca has a function of
// its own beside it.
func endOf(f *pgconn.FallbackConfig) end {
	t := f.TLSConfig
	return end{f.Host, t != nil && (!t.InsecureSkipVerify || t.VerifyPeerCertificate != nil || t.VerifyConnection != nil)}
}

// local reports whether nobody on a network can stand between.
func (e end) local() bool {
	if strings.HasPrefix(e.host, "/") || e.host == "localhost" {
		return true
	}
	ip := net.ParseIP(e.host)
	return ip != nil && ip.IsLoopback()
}

func checkTransport(c *pgconn.Config, unsafe bool) error {
	for _, e := range ends(c) {
		if !e.local() && !e.verified && !unsafe {
			return fmt.Errorf("%w: the connection to %q would not verify the server; use sslmode=verify-full (with sslrootcert, if its authority is your own)", ErrConfig, e.host)
		}
	}
	return nil
}

// checkParams refuses settings that came in another way, such as PGOPTIONS.
func checkParams(params map[string]string) error {
	for name := range params {
		if name != "application_name" {
			return fmt.Errorf("%w: the setting %q of the database connection is not allowed; look at the URL and at the PG environment", ErrConfig, name)
		}
	}
	return nil
}
