package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/lists"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

// maxListHistory bounds the changes that history prints; the server's bound is the same.
const maxListHistory = 1000

type listRow struct {
	Name, Digest string
	Entries      int
	Own          int `json:"own_entries"`
}

type listPage struct {
	Name, Digest string
	Own          int `json:"own_entries"`
	Entries      []struct {
		Value, Who, Why string
		Member, Mask    bool
		Until           *time.Time
		At              time.Time
		Record          uint64
	}
}

type listChanges struct {
	More    bool
	Changes []struct {
		Record                  uint64
		At                      time.Time
		Action, Value, Who, Why string
		Until                   *time.Time
	}
}

// listAnswer decodes an answer, or prints it where JSON is asked for.
func (a *app) listAnswer(text []byte, err error, to any) (done bool, _ error) {
	if err != nil || a.format == "json" {
		return true, a.printJSON(text, err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return true, fail(exitUnavailable, "the answer is not one of issuant's")
	}
	return false, nil
}

func (a *app) listAll(f *listFlags) error {
	text, err := a.listText(f, http.MethodGet, "", nil, false, func(ctx context.Context, s store.Store, p *rules.Pack) (*canon.Writer, error) {
		entries, err := s.ListEntries(ctx, "")
		if err != nil {
			return nil, err
		}
		return lists.WriteAll(canon.NewWriter(nil), p, lists.NewOverlay(entries))
	})
	var all struct{ Lists []listRow }
	if done, err := a.listAnswer(text, err, &all); done {
		return err
	}
	table := a.listTable([]term.Column{{Title: "LIST"}, {Title: "OF THE PACK", Right: true}, {Title: "IN FORCE", Right: true}, {Title: "DIGEST", Grow: 1, Min: 20}})
	table.Fit(a.columns(), []int{16, 11, 9, 0})
	if err := table.Head(a.out); err != nil {
		return err
	}
	for _, l := range all.Lists {
		if err := table.Row(a.out, term.Cell{Text: l.Name, Codes: []string{term.Bold}}, term.Cell{Text: strconv.Itoa(l.Own)}, term.Cell{Text: strconv.Itoa(l.Entries)}, term.Cell{Text: l.Digest[:min(len(l.Digest), 16)] + "...", Codes: []string{term.Dim}}); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) listTable(columns []term.Column) *term.Table {
	return &term.Table{Style: a.style(), Columns: columns}
}

func (a *app) listShow(f *listFlags, name string) error {
	text, err := a.listText(f, http.MethodGet, "/"+url.PathEscape(name), nil, false, func(ctx context.Context, s store.Store, p *rules.Pack) (*canon.Writer, error) {
		if err := lists.CheckName(p, name); err != nil {
			return nil, err
		}
		entries, err := s.ListEntries(ctx, name)
		if err != nil {
			return nil, err
		}
		laid, err := lists.Lay(name, lists.Own(p, name), entries)
		if err != nil {
			return nil, err
		}
		return lists.View{Name: name, Own: lists.Own(p, name), Laid: laid, Entries: entries, Now: time.Now()}.Write(canon.NewWriter(nil)), nil
	})
	var l listPage
	if done, err := a.listAnswer(text, err, &l); done {
		return err
	}
	if _, err := fmt.Fprintf(a.out, "%s: %s in the pack, %s at run time\n", term.Safe(l.Name), count(l.Own, "value"), count(len(l.Entries), "value")); err != nil || len(l.Entries) == 0 {
		return err
	}
	table := a.listTable([]term.Column{{Title: "VALUE"}, {Title: "MEMBER"}, {Title: "UNTIL"}, {Title: "WHO", Max: 20}, {Title: "WHY", Grow: 1, Min: 12}, {Title: "RECORD", Right: true}})
	width := 8
	for _, e := range l.Entries {
		width = min(max(width, term.Width(e.Value)), 40)
	}
	table.Fit(a.columns(), []int{width, 6, 20, 12, 0, 7})
	if err := table.Head(a.out); err != nil {
		return err
	}
	for _, e := range l.Entries {
		member := "no"
		if e.Member {
			member = "yes"
		}
		err := table.Row(a.out, term.Cell{Text: e.Value, Codes: []string{term.Bold}}, term.Cell{Text: member}, term.Cell{Text: untilText(e.Until)}, term.Cell{Text: e.Who}, term.Cell{Text: e.Why}, term.Cell{Text: strconv.FormatUint(e.Record, 10), Codes: []string{term.Dim}})
		if err != nil {
			return err
		}
	}
	return nil
}

func untilText(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func (a *app) listHistory(f *listFlags, name string) error {
	text, err := a.listText(f, http.MethodGet, "/"+url.PathEscape(name)+"/history", nil, false, func(ctx context.Context, s store.Store, p *rules.Pack) (*canon.Writer, error) {
		changes, more, err := lists.History(ctx, s, name, maxListHistory)
		if err == nil && len(changes) == 0 {
			err = lists.CheckName(p, name)
		}
		return lists.WriteHistory(canon.NewWriter(nil), name, changes, more), err
	})
	var h listChanges
	if done, err := a.listAnswer(text, err, &h); done {
		return err
	}
	if len(h.Changes) == 0 {
		_, err := fmt.Fprintf(a.out, "%s was never changed\n", term.Safe(name))
		return err
	}
	table := a.listTable([]term.Column{{Title: "RECORD", Right: true}, {Title: "TIME"}, {Title: "ACTION"}, {Title: "VALUE"}, {Title: "UNTIL"}, {Title: "WHO", Max: 20}, {Title: "WHY", Grow: 1, Min: 12}})
	width := 8
	for _, c := range h.Changes {
		width = min(max(width, term.Width(c.Value)), 40)
	}
	table.Fit(a.columns(), []int{6, 20, 6, width, 20, 12, 0})
	if err := table.Head(a.out); err != nil {
		return err
	}
	for _, c := range h.Changes {
		err := table.Row(a.out, term.Cell{Text: strconv.FormatUint(c.Record, 10), Codes: []string{term.Dim}}, term.Cell{Text: c.At.UTC().Format(time.RFC3339), Codes: []string{term.Dim}},
			term.Cell{Text: c.Action}, term.Cell{Text: c.Value, Codes: []string{term.Bold}}, term.Cell{Text: untilText(c.Until)}, term.Cell{Text: c.Who}, term.Cell{Text: c.Why})
		if err != nil {
			return err
		}
	}
	return nil
}
