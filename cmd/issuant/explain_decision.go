package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
)

// explainDecision makes a recorded decision again and explains it.
func (a *app) explainDecision(f *explainFlags) error {
	for _, name := range []string{"input", "now", "history"} {
		if f.given(name) {
			return usage("explain: --%s does not go with --decision, which takes them from the record", name)
		}
	}
	ids, err := readIdentities(f.identity)
	if err != nil {
		return err
	}
	rec, err := a.decisionRecord(f)
	if err != nil {
		return err
	}
	pack, err := a.loadPack()
	if err != nil {
		return err
	}
	changes, err := parseChanges(pack.Schema(), f.whatIf)
	if err != nil {
		return err
	}
	pack, kill, err := a.asRecorded(f, rec, pack)
	if err != nil {
		return err
	}
	if err := samePack(rec, pack, kill); err != nil {
		return err
	}
	plain, err := a.openSealed(&f.recordSource, rec, ids)
	if err != nil {
		return err
	}
	evidence, err := parseEvidence(rec, plain, pack)
	if err != nil {
		return err
	}
	eng, err := engine.New(pack, engine.Options{Methods: evidence.Methods, Card: formOf(rec)})
	if err != nil {
		return fail(exitInput, "record %d: %w", rec.Seq, err)
	}
	if err := eng.SwapKill(kill...); err != nil {
		return fail(exitInput, "record %d: %w", rec.Seq, err)
	}
	if err := a.replayed(rec, eng, evidence); err != nil {
		return err
	}
	return a.printExplanation(f, eng, evidence.Event, changes, rec.At, evidence.Late)
}

// readIdentities reads the auditor's key file.
func readIdentities(name string) (*seal.Identities, error) {
	if name == "" {
		return nil, usage("explain: --decision needs --identity FILE, the key file of the auditor to whom events are sealed")
	}
	data, err := server.ReadSecret(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("--identity: %w", plainPathError(name, err))
	}
	if err != nil {
		return nil, fail(exitRefused, "--identity: %w", plainPathError(name, err))
	}
	ids, err := seal.ParseIdentities(data)
	if err != nil {
		return nil, fail(exitRefused, "--identity: %s: %w", name, err)
	}
	return ids, nil
}

// decisionRecord finds the one record of a decision that holds a sealed event.
func (a *app) decisionRecord(f *explainFlags) (*records.Line, error) {
	list, err := a.findRecords(&f.recordSource, f.decision)
	if err != nil {
		return nil, err
	}
	decided := slices.DeleteFunc(slices.Clone(list), func(l *records.Line) bool { return l.DecisionID == "" })
	switch {
	case len(list) == 0:
		return nil, fail(exitFailed, "explain: no record has the id or number %q", f.decision)
	case len(decided) == 0:
		return nil, fail(exitFailed, "explain: record %d holds no decision: the message was not decided (%s)", list[0].Seq, list[0].Refusal)
	}
	last := decided[len(decided)-1]
	for _, l := range decided {
		if l.DecisionID != last.DecisionID {
			return nil, usage("explain: several decisions have the id %q; give the number of the record: %s", f.decision, seqs(decided))
		}
	}
	if last.Sealed == "" {
		return nil, fail(exitFailed, "explain: record %d holds no sealed event, so it cannot be decided again; serve seals events when seal_to is set", last.Seq)
	}
	return last, nil
}

func seqs(list []*records.Line) string {
	var texts []string
	for _, l := range list {
		texts = append(texts, fmt.Sprint(l.Seq))
	}
	return strings.Join(texts, ", ")
}

// samePack refuses rules or lists that did not decide.
func samePack(rec *records.Line, pack *rules.Pack, kill []*rules.List) error {
	if rec.PackID != pack.ID() {
		return fail(exitFailed, "explain: record %d was decided by the pack %s; the given one, %s %s, is %s", rec.Seq, rec.PackID, pack.Manifest().Name, pack.Manifest().Version, pack.ID())
	}
	have := map[string]string{}
	for _, l := range slices.Concat(pack.Lists(), kill) {
		have[l.Name()] = l.Digest()
	}
	for _, l := range rec.Lists {
		switch digest, ok := have[l.Name]; {
		case !ok && slices.Contains(engine.KillLists(), l.Name):
			return fail(exitFailed, "explain: record %d was decided with contents of the list %q that no change before it explains: digest %s", rec.Seq, l.Name, l.Digest)
		case !ok:
			return fail(exitFailed, "explain: record %d was decided with a list %q, which the pack does not have", rec.Seq, l.Name)
		case digest != l.Digest:
			return fail(exitFailed, "explain: record %d was decided with other contents of the list %q: digest %s, the given one has %s", rec.Seq, l.Name, l.Digest, digest)
		}
		delete(have, l.Name)
	}
	for name := range have {
		return fail(exitFailed, "explain: record %d was decided without the list %q of the pack", rec.Seq, name)
	}
	return nil
}

// openSealed opens the event of a record: it is sealed on its own, or under a data key
// that another line of the same chain holds.
func (a *app) openSealed(s *recordSource, rec *records.Line, ids *seal.Identities) ([]byte, error) {
	id, under := seal.DataKeyOf(rec.Sealed)
	if !under {
		plain, err := seal.Open(ids, rec.Sealed)
		return plain, unsealedError(rec, err)
	}
	src, err := a.openRecords(s)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	wrapped, err := src.DataKey(a.ctx, id)
	if err != nil {
		return nil, a.readingError(s, err)
	}
	if wrapped == "" {
		return nil, fail(exitFailed, "explain: record %d is sealed under the data key %s, whose line (kind data_key) is not there; give the store itself, or a journal from its beginning on", rec.Seq, id)
	}
	opener, err := seal.OpenDataKey(ids, wrapped)
	if err != nil {
		return nil, unsealedError(rec, err)
	}
	defer opener.Drop()
	plain, err := opener.Open(rec.DecisionID, 0, rec.Sealed)
	return plain, unsealedError(rec, err)
}

func unsealedError(rec *records.Line, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, seal.ErrNoIdentity):
		return fail(exitRefused, "explain: record %d: %w", rec.Seq, err)
	}
	return fail(exitInput, "explain: record %d: %w", rec.Seq, err)
}

func parseEvidence(rec *records.Line, plain []byte, pack *rules.Pack) (*engine.Evidence, error) {
	// A codec makes events of the built-in schema, whatever the pack's own is.
	evidence, err := engine.ParseEvidence(plain, rules.EventV1(), pack.Schema())
	if err != nil {
		return nil, fail(exitInput, "explain: record %d: its sealed event: %w", rec.Seq, err)
	}
	return evidence, nil
}

func formOf(rec *records.Line) engine.CardForm {
	if rec.Card.BIN != "" || rec.Card.Last4 != "" {
		return engine.CardBIN
	}
	return engine.CardRef
}

// replayed decides again and holds the result against the record.
func (a *app) replayed(rec *records.Line, eng *engine.Engine, v *engine.Evidence) error {
	decide, note := eng.Decide, ""
	if v.Late {
		decide, note = eng.DecideLate, "; the deadline had passed, so on_error joined in"
	}
	d := decide(v.Event, rec.At)
	want := *rec
	if unsaid(rec, d) {
		// The codec had no words for the decision; what it was is told all the same.
		want.Outcome, want.ActionCode, want.Degraded = d.Outcome.String(), d.ActionCode, d.Degraded
		note += "; the counterpart got its system error, since the codec could not say this decision"
	}
	if diff := differences(&want, d); len(diff) > 0 {
		return fail(exitFailed, "explain: record %d: decided again, the decision is another one: %s", rec.Seq, strings.Join(diff, "; "))
	}
	if a.format == "json" {
		return nil
	}
	p := page{Style: a.style(), width: a.columns()}
	text := fmt.Sprintf("Record %d, %s: decided again, it is the same decision%s", rec.Seq, utc(rec.At), note)
	for _, l := range term.Wrap(text, p.width) {
		if _, err := fmt.Fprintln(a.out, p.Paint(l, term.Dim)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(a.out)
	return err
}

// unsaid reports whether the record tells of the system error that stood in for a
// decision which the codec could not encode: one error more, at the end.
func unsaid(rec *records.Line, d *engine.Decision) bool {
	n := len(d.Degraded)
	return rec.ActionCode == "96" && !d.SystemError && len(rec.Degraded) == n+1 && slices.Equal(rec.Degraded[:n], d.Degraded)
}

// differences compares what a record says of a decision with the decision.
func differences(rec *records.Line, d *engine.Decision) []string {
	var diff []string
	compare := func(what, recorded, now string) {
		if recorded != now {
			diff = append(diff, fmt.Sprintf("%s %q, recorded %q", what, now, recorded))
		}
	}
	ids := func(hits []engine.RuleHit) string {
		var list []string
		for _, h := range hits {
			list = append(list, h.ID)
		}
		return strings.Join(list, " ")
	}
	compare("decision id", rec.DecisionID, d.ID)
	compare("event id", rec.EventID, d.EventID)
	compare("outcome", rec.Outcome, d.Outcome.String())
	compare("action code", rec.ActionCode, d.ActionCode)
	compare("rules", strings.Join(rec.Rules, " "), ids(d.Rules))
	compare("shadow", strings.Join(rec.Shadow, " "), ids(d.Shadow))
	compare("reasons", strings.Join(rec.Reasons, " "), strings.Join(d.Reasons, " "))
	compare("errors", fmt.Sprint(rec.Degraded), fmt.Sprint(d.Degraded))
	return diff
}
