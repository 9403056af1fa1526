package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// applicationID stands in the header of our SQLite files: "ISNT".
const applicationID = 0x49534e54

// sqliteDB is an SQLite file: one connection that writes, a few that read.
type sqliteDB struct {
	opt    Options
	path   string
	lock   *sql.Conn // holds the lock of the process; nil when reading only
	locks  *sql.DB
	writes *sql.DB
	reads  *sql.DB
	w      *sqliteTx // the writing connection
	look   *sql.Stmt

	checkpoints sync.WaitGroup
	stop        context.CancelFunc
	stopped     <-chan struct{}
}

func newSQLite(path string, opt Options) *sqliteDB {
	ctx, stop := context.WithCancel(context.Background())
	return &sqliteDB{opt: opt, path: path, stop: stop, stopped: ctx.Done()}
}

func (d *sqliteDB) open(ctx context.Context, fresh freshHead) (err error) {
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if err := preparePath(d.path, d.opt.ReadOnly); err != nil {
		return err
	}
	if d.opt.ReadOnly {
		return d.openReaders(ctx)
	}
	if err := d.own(ctx); err != nil {
		return err
	}
	if err := d.openWriter(ctx); err != nil {
		return err
	}
	if err := d.identify(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, d.w, "sqlite", fresh); err != nil {
		return err
	}
	if err := checkFiles(d.path); err != nil { // those that SQLite made beside it
		return err
	}
	if err := d.openReaders(ctx); err != nil {
		return err
	}
	d.checkpoints.Go(d.checkpoint)
	return nil
}

func (d *sqliteDB) synchronous() string {
	if d.opt.Durability == Off {
		return "OFF"
	}
	return "FULL"
}

// connect opens a pool of connections to a file of SQLite.
func connect(path string, most int, params url.Values) (*sql.DB, error) {
	slash := filepath.ToSlash(path)
	if filepath.VolumeName(path) != "" {
		slash = "/" + slash
	}
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: slash}).EscapedPath() + "?" + params.Encode())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

func pragmas(list ...string) url.Values { return url.Values{"_pragma": list} }

// own takes the lock by which one process owns the file. It is a lock on a file
// beside it, since readers of records may open the store itself, and it goes away
// with the process, however that ends.
func (d *sqliteDB) own(ctx context.Context) error {
	lockPath := d.path + ".lock"
	if err := createFile(lockPath); err != nil {
		return err
	}
	var err error
	if d.locks, err = connect(lockPath, 1, pragmas("busy_timeout(0)")); err != nil {
		return err
	}
	if d.lock, err = d.locks.Conn(ctx); err != nil {
		return err
	}
	if _, err = d.lock.ExecContext(ctx, "BEGIN EXCLUSIVE"); isCode(err, lib.SQLITE_BUSY) {
		return fmt.Errorf("%w: %s; stop that process, or give this one a store of its own", ErrLocked, d.path)
	}
	return err
}

func (d *sqliteDB) openWriter(ctx context.Context) error {
	var err error
	d.writes, err = connect(d.path, 1, pragmas("busy_timeout(1000)", "journal_mode(WAL)", "synchronous("+d.synchronous()+")",
		"wal_autocheckpoint(16384)", "journal_size_limit(16777216)", "cache_size(-16000)", "trusted_schema(0)"))
	if err != nil {
		return err
	}
	d.w = &sqliteTx{db: d.writes}
	return d.w.connect(ctx)
}

// identify refuses an SQLite file that is somebody else's, and marks a new one.
func (d *sqliteDB) identify(ctx context.Context) error {
	var id, tables int
	if _, err := d.w.one(ctx, "PRAGMA application_id", &id); err != nil {
		return err
	}
	if _, err := d.w.one(ctx, "SELECT count(*) FROM sqlite_master", &tables); err != nil {
		return err
	}
	if id == applicationID {
		return nil
	}
	if id != 0 || tables > 0 {
		return fmt.Errorf("%w: %s is an SQLite file of another program", ErrConfig, d.path)
	}
	_, err := d.w.exec(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
	return err
}

func (d *sqliteDB) openReaders(ctx context.Context) error {
	params := pragmas("busy_timeout(1000)", "query_only(1)", "trusted_schema(0)")
	if d.opt.ReadOnly {
		params.Set("mode", "ro")
	}
	var err error
	if d.reads, err = connect(d.path, 4, params); err != nil {
		return err
	}
	if d.opt.ReadOnly {
		if err := checkVersion(ctx, sqlReader{d.reads}, "sqlite"); err != nil {
			return err
		}
	}
	d.look, err = d.reads.PrepareContext(ctx, sqliteSQL(lookupSighting))
	return err
}

// checkpoint moves what was committed from the write-ahead log into the file,
// beside the writer, so that no commit has to.
func (d *sqliteDB) checkpoint() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	db, err := connect(d.path, 1, pragmas("busy_timeout(0)", "synchronous("+d.synchronous()+")", "wal_autocheckpoint(0)"))
	if err != nil {
		return // the writer checkpoints by itself at 16384 pages
	}
	defer db.Close()
	for {
		select {
		case <-d.stopped:
			return
		case <-tick.C:
			_, _ = db.Exec("PRAGMA wal_checkpoint(PASSIVE)") // where it fails, the next one may not
		}
	}
}

func (d *sqliteDB) lookup(ctx context.Context, key []byte) (*stored, int64, error) {
	return scanSighting(d.look.QueryRowContext(ctx, key))
}

func (d *sqliteDB) refused(err error) bool {
	return isCode(err, lib.SQLITE_CONSTRAINT, lib.SQLITE_TOOBIG, lib.SQLITE_MISMATCH, lib.SQLITE_RANGE)
}

// isCode reports whether err is one of these errors of SQLite, whatever its extension.
func isCode(err error, codes ...int) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	for _, c := range codes {
		if ok && e.Code()&0xff == c {
			return true
		}
	}
	return false
}

func (d *sqliteDB) update(ctx context.Context, f func(executor) error) error {
	return d.w.transact(ctx, func() error { return f(d.w) })
}

func (d *sqliteDB) maintain(ctx context.Context, f func(executor) error) error {
	return d.update(ctx, f)
}

// probe needs room in the file, not only in the write-ahead log.
func (d *sqliteDB) probe(ctx context.Context) error {
	return d.update(ctx, func(x executor) error {
		for _, sql := range []string{`INSERT INTO probe (data) VALUES (zeroblob(16384))`, `DELETE FROM probe`, countProbe} {
			if _, err := x.exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *sqliteDB) query(ctx context.Context, sql string, args ...any) (rows, error) {
	return sqlReader{d.reads}.query(ctx, sql, args...)
}

func (d *sqliteDB) snapshot(ctx context.Context, f func(executor) error) error {
	tx, err := d.reads.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // it only read
	return f(sqlReader{tx})
}

func (d *sqliteDB) close() error {
	d.stop()
	d.checkpoints.Wait()
	var errs []error
	if d.w != nil {
		d.w.discard(false)
	}
	for _, db := range []*sql.DB{d.reads, d.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if d.lock != nil { // last: the next owner may come now
		_, _ = d.lock.ExecContext(context.Background(), "ROLLBACK")
		errs = append(errs, d.lock.Close())
	}
	if d.locks != nil {
		errs = append(errs, d.locks.Close())
	}
	return errors.Join(errs...)
}

// sqliteSQL rewrites $1 to ?1.
func sqliteSQL(s string) string { return strings.ReplaceAll(s, "$", "?") }

// sqlReader reads through database/sql.
type sqlReader struct {
	db interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
}

func (r sqlReader) exec(context.Context, string, ...any) (int64, error) { return 0, ErrReadOnly }

func (r sqlReader) query(ctx context.Context, query string, args ...any) (rows, error) {
	rs, err := r.db.QueryContext(ctx, sqliteSQL(query), args...)
	if err != nil {
		return nil, err
	}
	return sqlRows{rs}, nil
}

type sqlRows struct{ *sql.Rows }

func (r sqlRows) Close() { _ = r.Rows.Close() }

// sqliteTx is the writing connection, used by one goroutine at a time. Statements
// are prepared once. It takes no context: a transaction on a local file either
// runs or hangs with its disk, and an interrupted one would be in doubt.
type sqliteTx struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	setup string // run on each new connection: tests make a full disk of it
}

func (x *sqliteTx) connect(ctx context.Context) (err error) {
	if x.conn != nil {
		return nil
	}
	if x.conn, err = x.db.Conn(ctx); err != nil {
		return err
	}
	x.stmts = map[string]*sql.Stmt{}
	if x.setup != "" {
		_, err = x.conn.ExecContext(ctx, x.setup)
	}
	return err
}

// discard lets go of the connection; a broken one does not go back to the pool.
func (x *sqliteTx) discard(broken bool) {
	if x.conn == nil {
		return
	}
	for _, st := range x.stmts {
		_ = st.Close()
	}
	if broken {
		_ = x.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = x.conn.Close()
	x.conn, x.stmts = nil, nil
}

func (x *sqliteTx) stmt(query string) (*sql.Stmt, error) {
	if st, ok := x.stmts[query]; ok {
		return st, nil
	}
	st, err := x.conn.PrepareContext(context.Background(), sqliteSQL(query))
	if err == nil {
		x.stmts[query] = st
	}
	return st, err
}

func (x *sqliteTx) exec(_ context.Context, query string, args ...any) (int64, error) {
	st, err := x.stmt(query)
	if err != nil {
		return 0, err
	}
	r, err := st.Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (x *sqliteTx) query(_ context.Context, query string, args ...any) (rows, error) {
	st, err := x.stmt(query)
	if err != nil {
		return nil, err
	}
	rs, err := st.Query(args...)
	if err != nil {
		return nil, err
	}
	return sqlRows{rs}, nil
}

func (x *sqliteTx) one(ctx context.Context, query string, dest ...any) (bool, error) {
	r, err := x.query(ctx, query)
	return one(r, err, dest...)
}

// transact runs f in a transaction. Where even the way back fails, the connection
// is given up, and the next transaction has a new one.
func (x *sqliteTx) transact(ctx context.Context, f func() error) error {
	if err := x.connect(ctx); err != nil {
		return err
	}
	if _, err := x.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		if !isCode(err, lib.SQLITE_BUSY) {
			x.discard(true)
		}
		return err
	}
	err := f()
	if err == nil {
		if _, err = x.exec(ctx, "COMMIT"); err == nil {
			return nil
		}
	}
	if _, back := x.exec(ctx, "ROLLBACK"); back != nil {
		x.discard(true)
	}
	return err
}
