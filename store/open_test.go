package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

func TestOpenRefusesURLsThatAreUnsafe(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	t.Setenv("PGOPTIONS", "")
	const secret = "s3cr3t-passw0rd"
	for url, want := range map[string]string{
		"state/issuant.db": "", "sqlite:state/issuant.db": "", `C:\issuant.db`: "", "./a:b.db": "",
		"postgres://u:" + secret + "@localhost/db":                                     "",
		"postgresql://u@127.0.0.1:5433/db?sslmode=disable":                             "",
		"postgres://u@/db?host=/run/postgresql":                                        "",
		"postgres://u@db.example/db":                                                   "",
		"postgres://u@db.example/db?sslmode=verify-full":                               "",
		"postgres://u@db.example/db?sslmode=verify-ca&sslrootcert=testdata/none.pem":   "cannot be used",
		"postgres://u:" + secret + "@db.example/db?sslmode=disable":                    "verify",
		"postgres://u:" + secret + "@db.example/db?sslmode=prefer":                     "verify",
		"postgres://u:" + secret + "@db.example/db?sslmode=require":                    "verify",
		"postgres://u:" + secret + "@localhost,db.example/db?sslmode=disable":          "verify",
		"postgres://u:" + secret + "@localhost/db?synchronous_commit=off":              `"synchronous_commit" is not allowed`,
		"postgres://u:" + secret + "@localhost/db?options=-cfsync%3Doff":               `"options" is not allowed`,
		"postgres://u:" + secret + "@localhost/db?host=db.example":                     `"host" is not allowed`,
		"postgres://u:" + secret + "@localhost/db?pool_max_conns=1":                    `"pool_max_conns" is not allowed`,
		"postgres://u:" + secret + "@localhost/db?sslmode=disable&sslmode=verify-full": "twice",
		"postgres://u:" + secret + "@localhost/":                                       "names no database",
		"postgres://u:" + secret + "@localhost:port/db":                                "cannot be read",
		"postgres://u:" + secret + "@local host/db":                                    "cannot be read",
		"postgres://u:" + secret + "%zz@localhost/db":                                  "cannot be read",
		"postgres:u:" + secret + "@localhost/db":                                       "cannot be read",
		"postgres://u:" + secret + "@localhost/db?sslmode=" + secret:                   "cannot be used",
		"postgres://u:" + secret + "@localhost/db?%zz":                                 "options",
		"mysql://u:" + secret + "@localhost/db":                                        `unknown scheme "mysql"`,
		"redis://localhost":                                                            "unknown scheme",
		"file:issuant.db":                                                              "sqlite:PATH",
		"":                                                                             "empty", "sqlite:": "empty", ":memory:": "not durable", "sqlite::memory:": "not durable",
		"sqlite:a.db?_pragma=synchronous(OFF)": "no options", "a.db?mode=memory": "no options", "a#b": "no options", "a\x00b": "no options",
		"sqlite://a.db": "slashes",
	} {
		err := store.ParseURL(url, store.Options{})
		if want == "" && err != nil || want != "" && (!errors.Is(err, store.ErrConfig) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("%s: the error holds the password: %v", url, err)
		}
		if strings.Contains(store.Redacted(url), secret) {
			t.Errorf("shown with the password: %s", store.Redacted(url))
		}
	}
	if err := store.ParseURL("postgres://u@db.example/db?sslmode=disable", store.Options{UnsafeTransport: true}); err != nil {
		t.Errorf("a tunnel: %v", err)
	}
	t.Setenv("PGSSLMODE", "disable")
	if err := store.ParseURL("postgres://u@db.example/db", store.Options{}); !errors.Is(err, store.ErrConfig) {
		t.Errorf("an environment that switches TLS off: %v", err)
	}
	t.Setenv("PGOPTIONS", "-c synchronous_commit=off")
	if err := store.ParseURL("postgres://u@localhost/db", store.Options{}); !errors.Is(err, store.ErrConfig) {
		t.Errorf("an environment that changes settings: %v", err)
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"a.db", "sqlite:a", "postgres://u:p@h:1/d?sslmode=require", "postgres://%/", "x:y", "postgres://u@/d?host=/run"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, url string) {
		if err := store.ParseURL(url, store.Options{}); err != nil && !errors.Is(err, store.ErrConfig) {
			t.Fatalf("%q: %v", url, err)
		}
		_ = store.Redacted(url)
	})
}

func TestOpenTellsNoPassword(t *testing.T) {
	const secret = "s3cr3t-passw0rd"
	_, err := store.Open(bg, "postgres://u:"+secret+"@127.0.0.1:1/db", store.Options{})
	if code.Of(err) != code.Store || strings.Contains(err.Error(), secret) || strings.Contains(fmt.Sprintf("%+v %#v", err, err), secret) {
		t.Errorf("%v", err)
	}
}

func TestOpenRefusesOptionsThatMakeNoSense(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for name, opt := range map[string]store.Options{
		"keep": {Keep: -1}, "max": {Max: 15}, "retain": {Retain: time.Hour}, "negative retain": {Retain: -1}, "observations": {RetainObservations: time.Hour},
		"too long": {RetainObservations: store.RetainObservations + 1}, "durability": {Durability: 3}, "waiting": {MaxWaiting: -1},
		"window": {MaxWindow: -1}, "conns": {MaxConns: 1}, "timeout": {CommitTimeout: time.Hour}, "card": {Card: 2},
	} {
		if _, err := store.Open(bg, path, opt); !errors.Is(err, store.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it was created all the same")
	}
	for _, d := range []store.Durability{store.Batch, store.Always, store.Off} {
		if got, err := store.ParseDurability(d.String()); got != d || err != nil {
			t.Errorf("%v: %v %v", d, got, err)
		}
	}
	if _, err := store.ParseDurability("fast"); !errors.Is(err, store.ErrConfig) {
		t.Error(err)
	}
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the mode of a file does not tell who may read it")
	}
	dir := filepath.Join(t.TempDir(), "state")
	path := filepath.Join(dir, "issuant.db")
	s := open(t, path, store.Options{})
	put(t, s, 1, storetest.Now())
	for name, want := range map[string]os.FileMode{dir: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600, path + ".lock": 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", name, info.Mode(), err, want)
		}
	}
	s.Close()
	for name, bad := range map[string][]os.FileMode{dir: {0o720, 0o702, 0o777}, path: {0o604, 0o620, 0o602, 0o644}, path + ".lock": {0o644}} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, mode := range bad {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
			if s, err := store.Open(bg, path, store.Options{}); !errors.Is(err, store.ErrConfig) || !strings.Contains(err.Error(), "chmod") {
				if err == nil {
					s.Close()
				}
				t.Errorf("%s with mode %04o: %v", name, mode, err)
			}
		}
		if err := os.Chmod(name, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	open(t, path, store.Options{}).Close() // its group may read it
}

func TestOneProcessOwnsAFile(t *testing.T) {
	path := places()[0].url(t)
	s := open(t, path, store.Options{})
	if _, err := store.Open(bg, path, store.Options{}); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
	put(t, s, 1, storetest.Now())
	s.Close()
	open(t, path, store.Options{})
}

func TestOpenRefusesWhatIsNoStore(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(bg, text, store.Options{}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a text: %v", err)
	}
	if _, err := store.Open(bg, dir, store.Options{}); !errors.Is(err, store.ErrConfig) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := store.Open(bg, filepath.Join(text, "a.db"), store.Options{}); !errors.Is(err, store.ErrConfig) {
		t.Errorf("below a file: %v", err)
	}
	other := filepath.Join(dir, "other.db")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE records (a)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := store.Open(bg, other, store.Options{}); !errors.Is(err, store.ErrConfig) || !strings.Contains(err.Error(), "another program") {
		t.Errorf("another program's: %v", err)
	}
	if _, err := store.Open(bg, filepath.Join(dir, "none.db"), store.Options{ReadOnly: true}); !errors.Is(err, store.ErrConfig) {
		t.Errorf("read only, and not there: %v", err)
	}
}

func TestOpenRefusesANewerStore(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		s := open(t, url, store.Options{})
		if err := store.Run(s, `INSERT INTO schema_version (version, applied_at) VALUES (99, 0)`); err != nil {
			t.Fatal(err)
		}
		s.Close()
		for _, opt := range []store.Options{{}, {ReadOnly: true}} {
			if _, err := store.Open(bg, url, opt); !errors.Is(err, store.ErrVersion) || code.Of(err) != code.Version {
				t.Errorf("%+v: %v", opt, err)
			}
		}
	})
}

func TestAStoreNamesCardsInOneForm(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		s := open(t, url, store.Options{Card: engine.CardBIN})
		if s.Card() != engine.CardBIN {
			t.Error("another form")
		}
		s.Close()
		if _, err := store.Open(bg, url, store.Options{}); !errors.Is(err, store.ErrConfig) {
			t.Errorf("%v", err)
		}
		if s := open(t, url, store.Options{ReadOnly: true}); s.Card() != engine.CardBIN {
			t.Error("another form for who reads")
		}
	})
}

func TestReadersReadBesideTheOwner(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		s := open(t, url, store.Options{})
		for i := range int64(3) {
			put(t, s, i, storetest.Now())
		}
		r := open(t, url, store.Options{ReadOnly: true})
		verify(t, r, 3)
		put(t, s, 3, storetest.Now())
		verify(t, r, 4)
		if found, err := r.Find(bg, "pismo/98665386/3"); err != nil || len(found) != 1 {
			t.Errorf("%v %v", found, err)
		}
		if err := r.Health(bg); err != nil {
			t.Error(err)
		}
		e := entry(9, storetest.Now())
		if _, _, err := r.Begin(bg, *e.Sighting, storetest.Now()); !errors.Is(err, engine.ErrRecord) {
			t.Errorf("begin: %v", err)
		}
		if err := r.Commit(bg, e); !errors.Is(err, engine.ErrRecord) {
			t.Errorf("commit: %v", err)
		}
		if _, err := r.PutListEntry(bg, store.ListEntry{List: "a", Value: "b", Who: "c", Why: "d", At: storetest.Now()}); !errors.Is(err, engine.ErrRecord) {
			t.Errorf("list: %v", err)
		}
		if err := r.Fill(bg, entryEvent(1), storetest.Now()); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("fill: %v", err)
		}
		s.Close()
		r.Close()
		again := open(t, url, store.Options{ReadOnly: true})
		verify(t, again, 4)
	})
}

func TestAServerThatFlushesNothingIsRefused(t *testing.T) {
	server := storetest.StartPostgres(t)
	url := server.URL(t)
	server.Set(t, "fsync", "off")
	if _, err := store.Open(bg, url, store.Options{}); !errors.Is(err, store.ErrConfig) || !strings.Contains(err.Error(), "fsync") {
		t.Errorf("%v", err)
	}
	s := open(t, url, store.Options{Durability: store.Off})
	if s.Durable() {
		t.Error("it calls itself durable")
	}
}
