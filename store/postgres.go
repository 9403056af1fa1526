package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pgSchema is the schema of PostgreSQL in which all of a store lies.
const pgSchema = "issuant"

// migrateLock is the advisory lock under which one process brings the schema up to date.
const migrateLock = 0x49534e54_00000001

// maintainLock is held by the process that maintains the store.
const maintainLock = 0x49534e54_00000002

// pgDB is a PostgreSQL database, which other processes may use at the same time.
type pgDB struct {
	opt  Options
	cfg  *pgxpool.Config
	pool *pgxpool.Pool
}

func newPostgres(cfg *pgxpool.Config, opt Options) *pgDB {
	cfg = cfg.Copy()
	cfg.MaxConns = int32(min(opt.MaxConns, 1000))
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.HealthCheckPeriod = 10 * time.Second
	cc := cfg.ConnConfig
	if cc.ConnectTimeout == 0 || cc.ConnectTimeout > opt.CommitTimeout {
		cc.ConnectTimeout = opt.CommitTimeout
	}
	millis := strconv.FormatInt(max(opt.CommitTimeout.Milliseconds(), 1), 10)
	// A process that stops in the middle must not hold the head row for long, whether
	// it is its own fault or the network's.
	for name, value := range map[string]string{
		"search_path": pgSchema, "timezone": "UTC", "client_encoding": "UTF8",
		"lock_timeout": millis, "idle_in_transaction_session_timeout": millis,
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
		"default_transaction_isolation": "read committed",
	} {
		cc.RuntimeParams[name] = value
	}
	if cc.RuntimeParams["application_name"] == "" {
		cc.RuntimeParams["application_name"] = "issuant"
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error { return setDurability(ctx, c, opt.Durability) }
	return &pgDB{opt: opt, cfg: cfg}
}

// setDurability makes a commit wait for the disk even where the server's own
// setting does not, and leaves settings alone that wait for more.
func setDurability(ctx context.Context, c *pgx.Conn, d Durability) error {
	if d == Off {
		_, err := c.Exec(ctx, "SET synchronous_commit = off")
		return err
	}
	var have, fsync string
	if err := c.QueryRow(ctx, "SELECT current_setting('synchronous_commit'), current_setting('fsync')").Scan(&have, &fsync); err != nil {
		return err
	}
	if fsync != "on" {
		return &serverError{"the database server runs with fsync = off, so that nothing is durable; switch it on, or take durability off"}
	}
	if have == "off" {
		_, err := c.Exec(ctx, "SET synchronous_commit = on")
		return err
	}
	return nil
}

// serverError is a setting of the server with which a store cannot keep its
// promises. It comes back inside the driver's error.
type serverError struct{ msg string }

func (e *serverError) Error() string { return e.msg }

func (d *pgDB) open(ctx context.Context, fresh freshHead) (err error) {
	if d.pool, err = pgxpool.NewWithConfig(ctx, d.cfg); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	x := pgTx{conn.Conn()}
	if d.opt.ReadOnly {
		return checkVersion(ctx, x, "postgres")
	}
	if _, err := conn.Exec(ctx, "SET lock_timeout = 0; SELECT pg_advisory_lock($1)", pgx.QueryExecModeSimpleProtocol, int64(migrateLock)); err != nil {
		return err
	}
	defer conn.Conn().Close(context.WithoutCancel(ctx)) // the lock and the setting go with it
	if err := makeSchema(ctx, x); err != nil {
		return err
	}
	return migrate(ctx, x, "postgres", fresh)
}

// makeSchema makes our schema, unless somebody has: a user who may not make one
// can be given it.
func makeSchema(ctx context.Context, x pgTx) error {
	var n int
	r, err := x.query(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", pgSchema)
	if _, err := one(r, err, &n); err != nil || n > 0 {
		return err
	}
	_, err = x.exec(ctx, "CREATE SCHEMA "+pgSchema)
	return err
}

func (d *pgDB) lookup(ctx context.Context, key []byte) (*stored, int64, error) {
	return scanSighting(d.pool.QueryRow(ctx, lookupSighting, key))
}

// refused: classes 22 (data exception) and 23 (integrity constraint), and a
// program limit that was exceeded.
func (d *pgDB) refused(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(e.Code, "22") || strings.HasPrefix(e.Code, "23") || strings.HasPrefix(e.Code, "54"))
}

func (d *pgDB) update(ctx context.Context, f func(executor) error) error {
	return d.locked(ctx, "SELECT true", f)
}

func (d *pgDB) maintain(ctx context.Context, f func(executor) error) error {
	return d.locked(ctx, fmt.Sprintf("SELECT pg_try_advisory_xact_lock(%d)", int64(maintainLock)), f)
}

func (d *pgDB) probe(ctx context.Context) error {
	return d.update(ctx, func(x executor) error {
		_, err := x.exec(ctx, countProbe)
		return err
	})
}

func (d *pgDB) locked(ctx context.Context, may string, f func(executor) error) error {
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		var ok bool
		if err := tx.QueryRow(ctx, may).Scan(&ok); err != nil || !ok {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT FROM head FOR UPDATE"); err != nil {
			return err
		}
		return f(pgTx{tx})
	})
}

func (d *pgDB) query(ctx context.Context, sql string, args ...any) (rows, error) {
	return pgTx{d.pool}.query(ctx, sql, args...)
}

func (d *pgDB) snapshot(ctx context.Context, f func(executor) error) error {
	opt := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, d.pool, opt, func(tx pgx.Tx) error { return f(pgTx{tx}) })
}

func (d *pgDB) close() error {
	d.pool.Close()
	return nil
}

// pgTx is a connection, a pool or a transaction.
type pgTx struct {
	on interface {
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	}
}

func (x pgTx) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := x.on.Exec(ctx, sql, args...)
	return tag.RowsAffected(), err
}

func (x pgTx) query(ctx context.Context, sql string, args ...any) (rows, error) {
	r, err := x.on.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (x pgTx) transact(ctx context.Context, f func() error) error {
	if _, err := x.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := f(); err != nil {
		_, _ = x.exec(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	_, err := x.exec(ctx, "COMMIT")
	return err
}
