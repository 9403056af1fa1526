package compile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/issuant/issuant/rules"
)

// readLists reads the files of the declared lists.
func (c *packCompiler) readLists() []*rules.List {
	var lists []*rules.List
	declared := map[string]bool{}
	for _, decl := range c.m.Lists {
		if decl.File == "" {
			continue
		}
		declared[decl.File] = true
		if _, err := fs.Stat(c.fsys, decl.File); errors.Is(err, fs.ErrNotExist) {
			at := c.listAt[decl.Name]
			c.add(at.src, at.at, "R0101", "", "the list's file "+quote(decl.File)+" does not exist", "")
			continue
		}
		if src, ok := c.read(decl.File, MaxListBytes, "max_list_bytes"); ok {
			if l := c.readList(decl.Name, src); l != nil {
				lists = append(lists, l)
			}
		}
	}
	for _, file := range c.files("lists", ".csv") {
		if !declared[file] {
			c.add(newSource(file, ""), span{}, "R0505", "", "no list in pack.yaml has this file", "declare it under lists: "+
				"{"+strings.TrimSuffix(path.Base(file), ".csv")+": {file: "+file+"}}")
		}
	}
	return lists
}

var listHeader = []string{"value", "expires", "note"}

// readList reads one list file; nil after a diagnostic.
func (c *packCompiler) readList(name string, src *source) *rules.List {
	r := &reader{sink: c.sink, src: src}
	before := c.errors
	if !r.checkText() {
		return nil
	}
	rows := csv.NewReader(strings.NewReader(src.text))
	rows.FieldsPerRecord, rows.ReuseRecord = -1, true
	var entries []rules.ListEntry
	for first := true; ; first = false {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			if first {
				c.add(src, span{}, "R0114", "", "the file is empty", "its first line is value,expires,note")
			}
			break
		}
		if err != nil {
			r.badRow(err)
			break // the reader has lost its place
		}
		if first {
			if !r.header(rows, row) {
				return nil
			}
			continue
		}
		if len(entries) >= MaxListEntries {
			r.at(rows, 0, "R0112", fmt.Sprintf("max_list_entries: the list has more than %d entries", MaxListEntries), "")
			break
		}
		if e, ok := r.entry(rows, row); ok {
			entries = append(entries, e)
		}
	}
	if c.errors > before {
		return nil
	}
	l, err := rules.NewList(name, entries)
	if err != nil {
		c.add(src, span{}, "R0502", "", strings.TrimPrefix(err.Error(), "rules: "), "")
		return nil
	}
	return l
}

// at reports a finding at a field of the current row. The snippet shows the row:
// card numbers in it are masked.
func (r *reader) at(rows *csv.Reader, field int, code, msg, hint string) {
	line, byteCol := rows.FieldPos(field)
	text := r.src.line(line)
	col := 1 + utf8.RuneCountInString(text[:min(byteCol-1, len(text))])
	end := len([]rune(text)) + 1
	if comma := strings.IndexByte(text[min(byteCol-1, len(text)):], ','); comma >= 0 {
		end = col + utf8.RuneCountInString(text[byteCol-1:byteCol-1+comma])
	}
	r.add(r.src, span{line, col, max(end, col+1)}, code, "", msg, hint)
}

func (r *reader) badRow(err error) {
	var pe *csv.ParseError
	if !errors.As(err, &pe) {
		r.add(r.src, span{}, "R0502", "", "the file is not CSV", "")
		return
	}
	text := r.src.line(pe.Line)
	col := 1 + utf8.RuneCountInString(text[:min(max(pe.Column-1, 0), len(text))])
	r.add(r.src, span{pe.Line, col, col + 1}, "R0502", "", "the row is not CSV: "+pe.Err.Error(), "")
}

func (r *reader) header(rows *csv.Reader, row []string) bool {
	if len(row) == len(listHeader) && row[0] == listHeader[0] && row[1] == listHeader[1] && row[2] == listHeader[2] {
		return true
	}
	r.at(rows, 0, "R0501", "the first line must be value,expires,note", "a list without expiry and notes has rows like 411111,,")
	return false
}

func (r *reader) entry(rows *csv.Reader, row []string) (e rules.ListEntry, ok bool) {
	if len(row) != len(listHeader) {
		r.at(rows, 0, "R0502", fmt.Sprintf("a row has 3 values: value,expires,note; this one has %d", len(row)), "values that hold a comma are written between quotation marks")
		return e, false
	}
	e.Value, e.Note = row[0], strings.Clone(row[2])
	switch {
	case rules.HoldsPAN(row[0]) || rules.HoldsPAN(row[2]):
		r.at(rows, 0, "R0504", "the row holds what looks like a card number", "lists hold keyed references, BINs and ids; the card's reference is card.ref")
		return e, false
	case row[0] == "" || strings.TrimSpace(row[0]) != row[0]:
		r.at(rows, 0, "R0502", "a value must not be empty, or start or end with a blank", "")
		return e, false
	case len(row[0]) > rules.MaxListValue:
		r.at(rows, 0, "R0502", fmt.Sprintf("a value has at most %d bytes", rules.MaxListValue), "")
		return e, false
	}
	e.Value = strings.Clone(row[0])
	if s := strings.TrimSpace(row[1]); s != "" {
		at, err := parseInstant(s)
		if err != nil {
			r.at(rows, 1, "R0503", "the expiry must be empty, a date or an instant, not "+quote(s), "as in 2026-11-23 or 2026-11-23T10:00:00Z")
			return e, false
		}
		e.Expires = at
	}
	return e, true
}
