package main

import (
	"slices"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/lists"
	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

// asRecorded lays the runtime lists over pack as they were when a record was made,
// and returns the lists of the kill switch beside it. What cannot be made again stays
// as it is: samePack refuses it.
func (a *app) asRecorded(f *explainFlags, rec *records.Line, pack *rules.Pack) (*rules.Pack, []*rules.List, error) {
	var changed []engine.ListDigest
	for _, d := range rec.Lists {
		if own := lists.Own(pack, d.Name); own != nil && own.Digest() != d.Digest || slices.Contains(engine.KillLists(), d.Name) {
			changed = append(changed, d)
		}
	}
	if len(changed) == 0 || rec.PackID != pack.ID() {
		return pack, nil, nil
	}
	history, err := a.listHistoryBefore(f, rec.Seq)
	if err != nil {
		return nil, nil, err
	}
	var laid, kill []*rules.List
	for _, d := range changed {
		own := lists.Own(pack, d.Name)
		l, err := lists.Find(d.Name, own, history[d.Name], d.Digest)
		if err != nil {
			return nil, nil, fail(exitInput, "explain: record %d: %w", rec.Seq, err)
		}
		switch {
		case l == nil:
		case own == nil:
			kill = append(kill, l)
		default:
			laid = append(laid, l)
		}
	}
	pack, err = pack.WithLists(laid...)
	return pack, kill, err
}

// listHistoryBefore returns the changes of lists before a record, by list, oldest first.
func (a *app) listHistoryBefore(f *explainFlags, seq uint64) (map[string][]store.ListChange, error) {
	src, err := a.openRecords(&f.recordSource)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	history := map[string][]store.ListChange{}
	add := func(c store.ListChange) {
		if c.Seq < seq {
			history[c.List] = append(history[c.List], c)
		}
	}
	if s, ok := src.(*records.Store); ok {
		for c, err := range s.ListChanges(a.ctx, "") {
			if err != nil {
				return nil, a.readingError(&f.recordSource, err)
			}
			add(c)
		}
		return history, nil
	}
	err = src.Each(a.ctx, records.Walk{}, func(t records.Text) error {
		l, err := f.parse(t)
		if err == nil && l.Kind == "list" {
			add(changeOf(l))
		}
		return err
	})
	return history, a.readingError(&f.recordSource, err)
}

// changeOf reads a line of kind list.
func changeOf(l *records.Line) store.ListChange {
	get := func(name string) string {
		if v, ok := l.Value.Get(name); ok && v.Kind == strictjson.String {
			return v.Str
		}
		return ""
	}
	c := store.ListChange{Action: get("action"), ListEntry: store.ListEntry{List: get("list"), Value: get("value"), Who: get("who"), Why: get("why"), At: l.At, Seq: l.Seq}}
	c.Mask = c.Action == "mask"
	c.Until, _ = time.Parse(time.RFC3339Nano, get("until")) // zero where there is none
	return c
}
