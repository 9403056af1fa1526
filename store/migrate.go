package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// migrations holds a folder for each database, with one file for each version.
// Versions are never changed once they were released; a new one is a new file.
//
//go:embed migrations
var migrations embed.FS

const createVersions = `CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)`

// steps returns the migrations of a database, the first version first.
func steps(kind string) ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/"+kind+"/*.sql")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("store: no migrations for %s: %w", kind, err)
	}
	texts := make([]string, len(names))
	for i, name := range names {
		if want := fmt.Sprintf("migrations/%s/%04d.sql", kind, i+1); name != want {
			return nil, fmt.Errorf("store: the migration %s stands where %s should", name, want)
		}
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts[i] = string(text)
	}
	return texts, nil
}

// transactor is an executor that can make transactions.
type transactor interface {
	executor
	transact(ctx context.Context, f func() error) error
}

// migrate brings the schema to the newest version, in one transaction. The caller
// makes sure that nobody else does.
func migrate(ctx context.Context, x transactor, kind string, fresh freshHead) error {
	texts, err := steps(kind)
	if err != nil {
		return err
	}
	return x.transact(ctx, func() error {
		if _, err := x.exec(ctx, createVersions); err != nil {
			return err
		}
		have, err := version(ctx, x, len(texts))
		if err != nil {
			return err
		}
		for i := have; i < len(texts); i++ {
			if err := script(ctx, x, texts[i]); err != nil {
				return fmt.Errorf("migration %d: %w", i+1, err)
			}
			if _, err := x.exec(ctx, `INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)`, i+1, fresh.now); err != nil {
				return err
			}
		}
		if have > 0 {
			return nil
		}
		_, err = x.exec(ctx, insertHead, int64(noFloor), fresh.card, fresh.now, fresh.completeSince)
		return err
	})
}

// script runs the statements of a migration one by one. No text in a migration
// holds a semicolon but at the end of a statement or in a comment to its right.
func script(ctx context.Context, x executor, text string) error {
	var plain strings.Builder
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "--")
		plain.WriteString(strings.TrimRight(code, "\n") + "\n")
	}
	for stmt := range strings.SplitSeq(plain.String(), ";") {
		if strings.TrimSpace(stmt) == "" {
			continue
		}
		if _, err := x.exec(ctx, stmt); err != nil {
			return err
		}
	}
	return nil
}

func version(ctx context.Context, x interface {
	query(ctx context.Context, sql string, args ...any) (rows, error)
}, newest int) (int, error) {
	var have int
	r, err := x.query(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`)
	if _, err := one(r, err, &have); err != nil {
		return 0, err
	}
	if have > newest {
		return 0, fmt.Errorf("%w: its schema has version %d, this program knows %d; start the newer program", ErrVersion, have, newest)
	}
	return have, nil
}

// checkVersion is for a store that is only read: it must be of the present version.
func checkVersion(ctx context.Context, x executor, kind string) error {
	texts, err := steps(kind)
	if err != nil {
		return err
	}
	have, err := version(ctx, x, len(texts))
	if err != nil {
		return err
	}
	if have < len(texts) {
		return fmt.Errorf("%w: its schema has version %d and has to be brought to %d first; open it once for writing", ErrVersion, have, len(texts))
	}
	return nil
}
