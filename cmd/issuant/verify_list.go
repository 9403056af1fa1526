package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/canon"
)

// schemeRow is a scheme as --list shows it.
type schemeRow struct {
	name, title, header, algorithm string
	covers                         []string
	body                           string // "covered", "fields" or "not covered"
	freshness, evidence            string
}

func (a *app) listSchemes(own webhook.Scheme) error {
	list := webhook.Presets()
	if _, preset := webhook.Preset(own.Name); own.Name != "" && !preset && own.Signature.From+string(own.Signature.Form) != "" {
		list = append(list, own)
	}
	rows := make([]schemeRow, 0, len(list)+2)
	for i := range list {
		rows = append(rows, rowOf(&list[i]))
	}
	rows = append(rows,
		schemeRow{schemeJWS, "A compact JWS as the body", "the body", "--alg", []string{"payload"}, "covered", "none", "RFC 7515, 7518, 8037: high"},
		schemeRow{schemeJWE, "A compact JWE as the body", "the body", "--alg, --enc", []string{"payload"}, "covered", "none", "RFC 7516, 7518: high"})
	if a.format == "json" {
		w := canon.NewWriter(nil).Object().Key("schemes").Array()
		for _, r := range rows {
			w.Object().Key("scheme").String(r.name).Key("title").String(r.title).Key("header").String(r.header).Key("algorithm").String(r.algorithm).
				Key("covers").Strings(r.covers).Key("body").String(r.body).Key("freshness").String(r.freshness).Key("evidence").String(r.evidence).EndObject()
		}
		return a.printJSON(w.EndArray().EndObject().Bytes(), nil)
	}
	return a.printSchemes(rows)
}

// wideList is the window from which evidence has a column of its own; below, it
// stands under its row.
const wideList = 150

func (a *app) printSchemes(rows []schemeRow) error {
	window := min(a.columns(), 180)
	header, covers := 19, 22 // least widths: no header's name is broken
	if window < 95 {
		header, covers = 12, 14
	}
	table := term.Table{Style: a.style(), Columns: []term.Column{
		{Title: "SCHEME", Min: 21}, {Title: "HEADER", Min: header, Max: 26}, {Title: "ALGORITHM", Min: 13},
		{Title: "COVERS", Min: covers, Max: 34}, {Title: "FRESHNESS", Min: 12, Max: 16},
	}}
	if window >= wideList {
		table.Columns = append(table.Columns, term.Column{Title: "EVIDENCE", Grow: 1, Min: 30})
	}
	need := make([]int, len(table.Columns))
	for _, r := range rows {
		for i, text := range []string{r.name, r.header, r.algorithm, strings.Join(r.covers, ", "), r.freshness} {
			need[i] = max(need[i], term.Width(text))
		}
	}
	table.Fit(window, need)
	if err := table.Head(a.out); err != nil {
		return err
	}
	for _, r := range rows {
		if err := a.printScheme(&table, r, window); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printScheme(table *term.Table, r schemeRow, window int) error {
	covers := term.Cell{Text: strings.Join(r.covers, ", ")}
	switch r.body {
	case "not covered":
		covers.Text, covers.Codes = strings.TrimPrefix(covers.Text+"; BODY NOT COVERED", "; "), []string{term.Red}
	case "fields":
		covers.Notes = []string{"not the rest of the body"}
	}
	fresh := term.Cell{Text: r.freshness}
	if r.freshness == "none" {
		fresh.Codes = []string{term.Yellow}
	}
	cells := []term.Cell{{Text: r.name, Codes: []string{term.Bold}}, {Text: r.header}, {Text: r.algorithm}, covers, fresh}
	evidence := term.Cell{Text: r.evidence, Codes: []string{term.Dim}}
	if window >= wideList {
		return table.Row(a.out, append(cells, evidence)...)
	}
	if err := table.Row(a.out, cells...); err != nil {
		return err
	}
	const indent = "  "
	for _, line := range term.Wrap(term.Safe(r.evidence), window-len(indent)) {
		if _, err := fmt.Fprintln(a.out, indent+table.Style.Paint(line, term.Dim)); err != nil {
			return err
		}
	}
	return nil
}

func rowOf(s *webhook.Scheme) schemeRow {
	return schemeRow{
		name: s.Name, title: s.Title, header: where(s), algorithm: string(s.Algorithm), covers: covers(s),
		body: map[webhook.Coverage]string{webhook.CoversBody: "covered", webhook.CoversFields: "fields", webhook.CoversNothing: "not covered"}[s.Coverage()], freshness: freshness(s), evidence: cmp.Or(s.Evidence, "none"),
	}
}

// where says where the signature stands.
func where(s *webhook.Scheme) string {
	switch s.Signature.Form {
	case webhook.RFC9421:
		return "Signature, Signature-Input"
	case webhook.HTTPSignature:
		return "Signature"
	}
	kind, name, _ := strings.Cut(s.Signature.From, ":")
	switch kind {
	case "json":
		return "body, JSON " + name[strings.LastIndexByte(name, '/')+1:]
	case "form":
		return "body, field " + name
	}
	return name
}

// covers lists what a signature vouches for.
func covers(s *webhook.Scheme) []string {
	list := []string{}
	if s.Claims != nil {
		list = append(list, "iat", "exp")
		if s.Claims.Issuer != "" {
			list = append(list, "iss")
		}
		if s.Claims.BodyHash != "" {
			list = append(list, "body")
		}
	}
	for _, component := range s.Covered {
		list = append(list, strings.ReplaceAll(component, "|", " or "))
	}
	if s.Signature.Form == webhook.RFC9421 {
		list = append([]string{"what the sender names, at least created"}, list...)
	}
	for _, part := range s.Signed {
		kind, argument, _ := strings.Cut(part, ":")
		switch kind {
		case "literal":
		case "header", "form":
			list = append(list, argument)
		case "json":
			list = append(list, argument[strings.LastIndexByte(argument, '/')+1:])
		case "path":
			_, header, _ := strings.Cut(argument, ":")
			list = append(list, cmp.Or(header, "path"))
		case "resource":
			list = append(list, "path")
		case "form_values":
			list = append(list, "all fields but "+strings.ReplaceAll(argument, ",", ", "))
		default:
			list = append(list, part)
		}
	}
	return list
}

// freshness says how a message grows old.
func freshness(s *webhook.Scheme) string {
	age := cmp.Or(s.Timestamp.MaxAge, webhook.DefaultMaxAge).String()
	age = strings.TrimSuffix(strings.TrimSuffix(age, "0s"), "0m")
	switch {
	case s.Algorithm == webhook.Bearer:
		return "exp of the key"
	case s.Signature.Form == webhook.Compact:
		return "iat: " + age + ", exp"
	case s.Signature.Form == webhook.RFC9421:
		return "created: " + age + ", expires"
	case s.Timestamp.From == "":
		return "none"
	}
	return "timestamp: " + age
}
