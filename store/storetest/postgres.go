package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Environment of the tests.
const (
	EnvPostgres = "ISSUANT_POSTGRES"         // URL of a running server, on which databases may be made
	EnvRequire  = "ISSUANT_REQUIRE_POSTGRES" // 1: a test that finds no PostgreSQL fails instead of being skipped
)

// Postgres is a throw-away server on a socket in a temporary directory. It ends
// with the test that started it.
type Postgres struct {
	bin, dir string
	uid, gid int // -1: as we are
	cmd      *process
}

var databases atomic.Int64

// StartPostgres starts a server of its own, which the test may stop and start
// again. Without installed binaries the test is skipped.
func StartPostgres(tb testing.TB) *Postgres {
	tb.Helper()
	p, err := newPostgres()
	if errors.Is(err, errNoBinaries) {
		missing(tb)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.remove)
	return p
}

var errNoBinaries = errors.New("storetest: no PostgreSQL binaries")

func missing(tb testing.TB) {
	tb.Helper()
	const why = "no postgres and initdb in PATH or /usr/lib/postgresql/*/bin; install them, or set " + EnvPostgres + " to the URL of a running server"
	if os.Getenv(EnvRequire) == "1" {
		tb.Fatal("storetest: " + why)
	}
	tb.Skip("storetest: " + why)
}

// binaries returns the directory of the newest installation.
func binaries() (string, error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(dirs, func(a, b string) int { // version 9 is older than 15
		na, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(a)), 64)
		nb, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(b)), 64)
		return int(na*10) - int(nb*10)
	})
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, dir := range slices.Backward(dirs) {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", errNoBinaries
}

func newPostgres() (*Postgres, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "issuant-postgres-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, dir: dir, uid: -1, gid: -1}
	if os.Getuid() == 0 { // the server refuses to run as root
		if err := p.become("postgres", "nobody"); err != nil {
			return nil, err
		}
	}
	out, err := p.command("initdb", "-D", p.data(), "-U", "issuant", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync").CombinedOutput()
	if err != nil {
		p.remove()
		return nil, fmt.Errorf("storetest: initdb: %w\n%s", err, out)
	}
	if err := p.start(); err != nil {
		p.remove()
		return nil, err
	}
	return p, nil
}

// become lets the server run as the first of these users that exists.
func (p *Postgres) become(names ...string) error {
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		p.uid, _ = strconv.Atoi(u.Uid)
		p.gid, _ = strconv.Atoi(u.Gid)
		return os.Chown(p.dir, p.uid, p.gid)
	}
	return fmt.Errorf("storetest: root must run the server as another user, and there is none of %v", names)
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	runAs(cmd, p.uid, p.gid)
	return cmd
}

// Start starts the server again after Stop.
func (p *Postgres) Start(tb testing.TB) {
	tb.Helper()
	if err := p.start(); err != nil {
		tb.Fatal(err)
	}
}

// start starts the server, again while what a killed one left behind is still
// ending: its backends hold its shared memory until they notice.
func (p *Postgres) start() error {
	for range 600 {
		if p.cmd == nil || p.cmd.ended() {
			if err := p.launch(); err != nil {
				return err
			}
		}
		conn, err := pgx.Connect(context.Background(), p.url("postgres"))
		if err == nil {
			return conn.Close(context.Background())
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return fmt.Errorf("storetest: the server does not come up:\n%s", text)
}

func (p *Postgres) launch() error {
	cmd := p.command("postgres", "-D", p.data(), "-k", p.dir, "-c", "listen_addresses=", "-c", "max_connections=100",
		"-c", "shared_buffers=64MB", "-c", "log_min_messages=fatal", "-c", "log_min_error_statement=panic")
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	p.cmd, err = launch(cmd)
	return err
}

// Set changes a setting of the server, for the connections that come.
func (p *Postgres) Set(tb testing.TB, name, value string) {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), p.url("postgres"))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, sql := range []string{fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", name, value), "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)"} {
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			tb.Fatal(err)
		}
	}
}

// Stop ends the server at once, as a crash does.
func (p *Postgres) Stop() { p.cmd.kill() }

func (p *Postgres) remove() {
	if p.cmd != nil {
		p.cmd.kill()
	}
	_ = os.RemoveAll(p.dir)
}

func (p *Postgres) url(database string) string {
	return "postgres://issuant@/" + database + "?" + url.Values{"host": {p.dir}}.Encode()
}

// URL returns the URL of a new, empty database.
func (p *Postgres) URL(tb testing.TB) string {
	tb.Helper()
	return newDatabase(tb, p.url("postgres"))
}

var shared struct {
	sync.Once
	server *Postgres
	err    error
}

// PostgresURL returns the URL of a new, empty database on a server that the tests
// of a package share: the one of ISSUANT_POSTGRES, or one that is started when it
// is needed first. TestMain must call StopShared.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	if running := os.Getenv(EnvPostgres); running != "" {
		return newDatabase(tb, running)
	}
	shared.Do(func() { shared.server, shared.err = newPostgres() })
	if errors.Is(shared.err, errNoBinaries) {
		missing(tb)
	}
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.server.URL(tb)
}

// StopShared ends the server that PostgresURL started, if it did.
func StopShared() {
	if shared.server != nil {
		shared.server.remove()
	}
}

func newDatabase(tb testing.TB, at string) string {
	tb.Helper()
	name := fmt.Sprintf("issuant_test_%d_%d", os.Getpid(), databases.Add(1))
	do := func(sql string) error {
		conn, err := pgx.Connect(context.Background(), at)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(context.Background(), sql)
		return err
	}
	if err := do("CREATE DATABASE " + name); err != nil {
		tb.Fatalf("storetest: %v", err)
	}
	tb.Cleanup(func() { _ = do("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	u, err := url.Parse(at)
	if err != nil {
		tb.Fatal("storetest: the URL of the server cannot be read")
	}
	u.Path = "/" + name
	return u.String()
}
