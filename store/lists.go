package store

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

// ListEntry is an entry of a runtime list.
type ListEntry struct {
	List  string // its name: letters, digits, _, - and dots, at most MaxListName
	Value string // a reference, BIN, requestor id; never account data; at most MaxListValue bytes
	Who   string // who put it there; at most MaxText bytes, not empty
	Why   string // why; at most MaxText bytes, not empty
	At    time.Time
	Until time.Time // not a member from that instant on; zero: until it is removed

	// Mask: the entry speaks alone for its value, and the list that it is laid over
	// does not count. The value is a member until Until; with a zero Until, never.
	Mask bool

	Seq uint64 // of the change in the chain; set by the store
}

// ListChange is one change of a runtime list.
type ListChange struct {
	Action    string // put, mask or remove
	ListEntry        // as it was given; of a removal: List, Value, Who, Why, At and Seq
}

// ListRemoval takes an entry out of a list.
type ListRemoval struct {
	List, Value, Who, Why string
	At                    time.Time
}

// Approval says that somebody approved a pack with the lists that it brings.
type Approval struct {
	Pack     string // its id; at most MaxText bytes, not empty
	Lists    string // digest of its lists; at most MaxText bytes, not empty
	Approver string // at most MaxText bytes, not empty
	Signed   string // the statement and its signature, whatever their form; at most MaxSigned bytes
	At       time.Time
	Seq      uint64 // of the change in the chain; set by the store
}

func checkList(list, value, who, why string, at time.Time) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
	}
	name := func(r rune) bool {
		return r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	switch {
	case list == "" || len(list) > MaxListName || strings.Trim(list, "_-.") == "" || strings.IndexFunc(list, func(r rune) bool { return !name(r) }) >= 0:
		return bad("the name of a list has 1 to %d letters, digits, _, - and dots", MaxListName)
	case !plain(value, MaxListValue):
		return bad("a value of a list has 1 to %d bytes of text", MaxListValue)
	case rules.HoldsPAN(value):
		return bad("a value looks like a card number; lists hold keyed references")
	case !plain(who, MaxText) || !plain(why, MaxText):
		return bad("who and why of a change have 1 to %d bytes of text", MaxText)
	case rules.HoldsPAN(who) || rules.HoldsPAN(why):
		return bad("who or why holds what looks like a card number")
	case at.IsZero():
		return bad("a change has an instant")
	}
	return nil
}

// plain: text on one line, without anything that a terminal would obey.
func plain(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

// listLine is the line of a change of a list. Its members: format, seq, prev, kind
// ("list"), at, list, action (put, mask or remove), value, who, why, until.
func listLine(e ListEntry, action string) func([]byte, engine.Chain) ([]byte, error) {
	return func(dst []byte, after engine.Chain) ([]byte, error) {
		w := beginLine(dst, after, "list", e.At)
		w.Key("list").String(e.List).Key("action").String(action).Key("value").String(e.Value)
		w.Key("who").String(e.Who).Key("why").String(e.Why)
		if w.Key("until"); e.Until.IsZero() {
			w.Null()
		} else {
			w.Time(e.Until)
		}
		return w.EndObject().Bytes(), nil
	}
}

func beginLine(dst []byte, after engine.Chain, kind string, at time.Time) *canon.Writer {
	w := canon.NewWriter(dst)
	w.Object().Key("format").Int(engine.RecordFormat).Key("seq").Uint(after.Seq + 1).Key("prev").String(after.Prev())
	return w.Key("kind").String(kind).Key("at").Time(at)
}

// change brings a change in and returns the seq of its line.
func (s *sqlStore) change(ctx context.Context, c *change) (uint64, error) {
	it := &item{change: c, done: make(chan struct{})}
	if err := s.submit(ctx, it); err != nil {
		return 0, err
	}
	return it.seq, nil
}

// PutListEntry implements Store.
func (s *sqlStore) PutListEntry(ctx context.Context, e ListEntry) (uint64, error) {
	if err := checkList(e.List, e.Value, e.Who, e.Why, e.At); err != nil {
		return 0, err
	}
	if !e.Until.IsZero() && !e.Until.After(e.At) {
		return 0, fmt.Errorf("%w: the entry ends before it begins", ErrConfig)
	}
	action, mask := "put", 0
	if e.Mask {
		action, mask = "mask", 1
	}
	apply := func(ctx context.Context, x executor, seq uint64) error {
		_, err := x.exec(ctx, `INSERT INTO list_entries (list, value, who, why, at, until, mask, seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (list, value) DO UPDATE SET who = $3, why = $4, at = $5, until = $6, mask = $7, seq = $8`,
			e.List, e.Value, e.Who, e.Why, nanos(e.At), untilOf(e), mask, int64(seq))
		if err != nil {
			return err
		}
		return noteChange(ctx, x, action, e, seq)
	}
	return s.change(ctx, &change{at: e.At, list: true, line: listLine(e, action), apply: apply})
}

// untilOf is nil for an entry that does not end.
func untilOf(e ListEntry) *int64 {
	if e.Until.IsZero() {
		return nil
	}
	return new(nanos(e.Until))
}

// noteChange keeps what a line says where it can be found by its list.
func noteChange(ctx context.Context, x executor, action string, e ListEntry, seq uint64) error {
	_, err := x.exec(ctx, `INSERT INTO list_changes (seq, list, action, value, who, why, at, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		int64(seq), e.List, action, e.Value, e.Who, e.Why, nanos(e.At), untilOf(e))
	return err
}

// RemoveListEntry implements Store.
func (s *sqlStore) RemoveListEntry(ctx context.Context, r ListRemoval) (uint64, error) {
	if err := checkList(r.List, r.Value, r.Who, r.Why, r.At); err != nil {
		return 0, err
	}
	if err := s.there(ctx, `SELECT 1 FROM list_entries WHERE list = $1 AND value = $2`, r.List, r.Value); err != nil {
		return 0, err
	}
	e := ListEntry{List: r.List, Value: r.Value, Who: r.Who, Why: r.Why, At: r.At}
	apply := func(ctx context.Context, x executor, seq uint64) error {
		if _, err := x.exec(ctx, `DELETE FROM list_entries WHERE list = $1 AND value = $2`, r.List, r.Value); err != nil {
			return err
		}
		return noteChange(ctx, x, "remove", e, seq)
	}
	return s.change(ctx, &change{at: r.At, list: true, line: listLine(e, "remove"), apply: apply})
}

func (s *sqlStore) there(ctx context.Context, sql string, args ...any) error {
	var n int
	r, err := s.db.query(ctx, sql, args...)
	found, err := one(r, err, &n)
	if err != nil {
		return s.unavailable("look an entry up", err)
	}
	if !found {
		return fmt.Errorf("%w: the list has no such entry", ErrConfig)
	}
	return nil
}

// ListEntries implements Store.
func (s *sqlStore) ListEntries(ctx context.Context, list string) ([]ListEntry, error) {
	var entries []ListEntry
	r, err := s.db.query(ctx, `SELECT list, value, who, why, at, until, mask, seq FROM list_entries WHERE $1 = '' OR list = $1 ORDER BY list, value`, list)
	err = each(r, err, func(r rows) error {
		var e ListEntry
		var at int64
		var until *int64
		var mask int
		err := r.Scan(&e.List, &e.Value, &e.Who, &e.Why, &at, &until, &mask, &e.Seq)
		if e.At, e.Mask = instant(at), mask != 0; until != nil {
			e.Until = instant(*until)
		}
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, s.unavailable("read the lists", err)
	}
	return entries, nil
}

// ListChanges implements Store. It reads page by page.
func (s *sqlStore) ListChanges(ctx context.Context, list string) iter.Seq2[ListChange, error] {
	return func(yield func(ListChange, error) bool) {
		for after := uint64(0); ; {
			changes, err := s.listChanges(ctx, list, after)
			if err != nil {
				yield(ListChange{}, err)
				return
			}
			for _, c := range changes {
				if !yield(c, nil) {
					return
				}
				after = c.Seq
			}
			if len(changes) < page {
				return
			}
		}
	}
}

func (s *sqlStore) listChanges(ctx context.Context, list string, after uint64) ([]ListChange, error) {
	var changes []ListChange
	r, err := s.db.query(ctx, `SELECT seq, list, action, value, who, why, at, until FROM list_changes
		WHERE ($1 = '' OR list = $1) AND seq > $2 ORDER BY seq LIMIT $3`, list, int64(after), page)
	err = each(r, err, func(r rows) error {
		var c ListChange
		var at int64
		var until *int64
		err := r.Scan(&c.Seq, &c.List, &c.Action, &c.Value, &c.Who, &c.Why, &at, &until)
		if c.At, c.Mask = instant(at), c.Action == "mask"; until != nil {
			c.Until = instant(*until)
		}
		changes = append(changes, c)
		return err
	})
	if err != nil {
		return nil, s.unavailable("read the changes of the lists", err)
	}
	return changes, nil
}

// ListVersion implements Store.
func (s *sqlStore) ListVersion(ctx context.Context) (uint64, error) {
	var h head
	r, err := s.db.query(ctx, selectHead)
	if _, err := one(r, err, h.dest()...); err != nil {
		return 0, s.unavailable("read the version of the lists", err)
	}
	return h.listVersion, nil
}

// PutApproval implements Store.
func (s *sqlStore) PutApproval(ctx context.Context, a Approval) (uint64, error) {
	if !plain(a.Pack, MaxText) || !plain(a.Lists, MaxText) || !plain(a.Approver, MaxText) || rules.HoldsPAN(a.Approver) || a.At.IsZero() {
		return 0, fmt.Errorf("%w: an approval has a pack, its lists, an approver and an instant; texts have 1 to %d bytes", ErrConfig, MaxText)
	}
	if a.Signed != "" && !plain(a.Signed, MaxSigned) {
		return 0, fmt.Errorf("%w: what was signed is text of at most %d bytes", ErrConfig, MaxSigned)
	}
	line := func(dst []byte, after engine.Chain) ([]byte, error) {
		w := beginLine(dst, after, "approval", a.At)
		w.Key("pack_id").String(a.Pack).Key("lists_digest").String(a.Lists).Key("approver").String(a.Approver)
		return w.Key("signed").StringOrNull(a.Signed).EndObject().Bytes(), nil
	}
	apply := func(ctx context.Context, x executor, seq uint64) error {
		_, err := x.exec(ctx, `INSERT INTO pack_approvals (pack, lists, approver, signed, at, seq) VALUES ($1, $2, $3, $4, $5, $6)`,
			a.Pack, a.Lists, a.Approver, a.Signed, nanos(a.At), int64(seq))
		return err
	}
	have, err := s.Approvals(ctx, a.Pack)
	if err != nil {
		return 0, err
	}
	for _, h := range have {
		if h.Approver == a.Approver && h.Lists == a.Lists {
			return 0, fmt.Errorf("%w: this person has approved the pack already", ErrConfig)
		}
	}
	return s.change(ctx, &change{at: a.At, line: line, apply: apply})
}

// Approvals implements Store.
func (s *sqlStore) Approvals(ctx context.Context, pack string) ([]Approval, error) {
	var list []Approval
	r, err := s.db.query(ctx, `SELECT pack, lists, approver, signed, at, seq FROM pack_approvals WHERE $1 = '' OR pack = $1 ORDER BY seq`, pack)
	err = each(r, err, func(r rows) error {
		var a Approval
		var at int64
		err := r.Scan(&a.Pack, &a.Lists, &a.Approver, &a.Signed, &at, &a.Seq)
		a.At = instant(at)
		list = append(list, a)
		return err
	})
	if err != nil {
		return nil, s.unavailable("read the approvals", err)
	}
	return list, nil
}
