package engine

import (
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/word"
	"github.com/issuant/issuant/rules"
)

// Reason codes of the engine itself; all others are the reasons of rules and the
// codes of guards.
const (
	ReasonDefault      = "DEFAULT"        // the pack's default gave the colour
	ReasonDegraded     = "DEGRADED"       // something failed: see Degraded
	ReasonWalletFloor  = "WALLET_FLOOR"   // the wallet's recommendation, or its absence
	ReasonMissingFacts = "MISSING_FACTS"  // facts of green_requires are absent
	ReasonUnjudged     = "UNJUDGED"       // a red rule could not be judged
	ReasonScore        = "SCORE"          // the sum of weights reached a threshold
	ReasonNoStepUp     = "NO_STEP_UP"     // the cardholder cannot be asked
	ReasonNoMethod     = "NO_METHOD_LEFT" // no step-up method is usable
)

// Action codes, after the counterparts' common stock of ISO 8583.
const (
	actionApprove     = "00"
	actionDecline     = "05"
	actionChallenge   = "85"
	actionSystemError = "96"
)

// redActions in order: the answer carries the first that a red guard or hit asks for.
var redActions = [...]string{"14", "54", "N7", actionDecline}

type kind uint8

const (
	kindGuard kind = iota
	kindHit
	kindMissingHit // it hit because a fact was absent
	kindScore
	kindFloor
	kindFailure
	kindGreen // green was not earned
	kindDefault
)

// ordinary tells whether a yellow of this kind may become green in a section
// whose no_step_up is green: not when something failed, was missing or was found.
func (k kind) ordinary() bool { return k == kindHit || k == kindScore || k == kindDefault }

// part is one contribution to the outcome.
type part struct {
	outcome rules.Outcome
	kind    kind
	reason  string
	rule    int // index of the rule, -1 when it is none
}

type joiner struct {
	*loaded
	ev     *Event
	now    time.Time
	man    *rules.Manifest
	run    rules.Run
	d      *Decision
	joined rules.Outcome
	parts  []part
	own    []string
	action uint8 // bit i: a red asked for redActions[i]
	ids    identifier
	draft  draft         // of a decision that nobody will hold
	texts  *recollection // of decisions of the one pack that it is for; nil where none are kept

	// Texts of the decision: missing facts and unjudged rules, reasons, channels.
	names, because, offered []string
}

// joiners keeps the memory of joiners for reuse; nothing of an event stays in it.
var joiners = sync.Pool{New: func() any { return new(joiner) }}

// hasSpare: a module of WASM, which has one thread, keeps one joiner for each pack, and
// what was said with it. A pool costs it more than the joiner does; natively threads would
// contend for it.
const hasSpare = runtime.GOARCH == "wasm"

func (l *loaded) takeJoiner() *joiner {
	if !hasSpare {
		return joiners.Get().(*joiner)
	}
	if j := l.spare; j != nil {
		l.spare = nil
		return j
	}
	return &joiner{texts: new(recollection)}
}

func (l *loaded) release(j *joiner) {
	j.clear()
	if hasSpare {
		l.spare = j
		return
	}
	joiners.Put(j)
}

// clear makes j forget the decision.
func (j *joiner) clear() {
	clear(j.parts)
	clear(j.own)
	clear(j.names)
	clear(j.because)
	clear(j.offered)
	j.ids.clear()
	j.parts, j.own, j.names = j.parts[:0], j.own[:0], j.names[:0]
	j.because, j.offered = j.because[:0], j.offered[:0]
	j.loaded, j.ev, j.man, j.d, j.action = nil, nil, nil, nil, 0
}

func (j *joiner) join(o rules.Outcome, k kind, reason string) { j.add(part{o, k, reason, -1}) }

func (j *joiner) add(p part) {
	j.joined = j.joined.Join(p.outcome)
	j.parts = append(j.parts, p)
}

func (j *joiner) redAction(action string) {
	for i, a := range redActions {
		if a == action {
			j.action |= 1 << i
			return
		}
	}
	j.action |= 1 << (len(redActions) - 1)
}

// guards joins the codec's findings and the card's own state. Beyond MaxGuards only
// those are kept that make the outcome worse; all red ones have their action code.
func (j *joiner) guards() {
	if n := len(j.ev.Guards); n >= cap(j.d.Guards) {
		j.d.Guards = make([]Guard, 0, min(n, MaxGuards)+1)
	}
	for _, g := range j.ev.Guards {
		j.guard(g)
	}
	switch status := j.text(j.on.cardStatus); status {
	case "lost", "damaged", "unknown":
		j.guard(Guard{"card_status:" + status, rules.Red, actionDecline})
	}
	if j.text(j.on.cardStage) == "blocked" {
		j.guard(Guard{"card_stage:blocked", rules.Red, actionDecline})
	}
	if j.expired() {
		j.guard(Guard{"card_expired", rules.Red, "54"})
	}
	j.killed()
}

func (j *joiner) expired() bool {
	if j.on.cardExpired < 0 {
		return false
	}
	expired, _ := j.ev.BoolAt(j.on.cardExpired)
	return expired
}

// cardFails tells whether guards finds something in the card's status and stage, see
// word.Short.
func cardFails(status, stage uint64) bool {
	return status == isLost || status == isDamaged || status == isUnknown || stage == isBlocked
}

func (j *joiner) guard(g Guard) {
	g.Code = printable(g.Code)
	if len(j.d.Guards) < MaxGuards || g.Outcome.Worse(j.joined) {
		j.d.Guards = append(j.d.Guards, g)
		j.join(g.Outcome, kindGuard, g.Code)
	}
	if g.Outcome == rules.Red {
		j.redAction(g.ActionCode)
	}
}

// Texts that the engine itself looks for, see word.Short.
const (
	isLost     = 'l' | 'o'<<8 | 's'<<16 | 't'<<24 | 4<<56
	isNone     = 'n' | 'o'<<8 | 'n'<<16 | 'e'<<24 | 4<<56
	isDamaged  = 'd' | 'a'<<8 | 'm'<<16 | 'a'<<24 | 'g'<<32 | 'e'<<40 | 'd'<<48 | 7<<56
	isUnknown  = 'u' | 'n'<<8 | 'k'<<16 | 'n'<<24 | 'o'<<32 | 'w'<<40 | 'n'<<48 | 7<<56
	isBlocked  = 'b' | 'l'<<8 | 'o'<<16 | 'c'<<24 | 'k'<<32 | 'e'<<40 | 'd'<<48 | 7<<56
	isApprove  = 'a' | 'p'<<8 | 'p'<<16 | 'r'<<24 | 'o'<<32 | 'v'<<40 | 'e'<<48 | 7<<56
	isDecline  = 'd' | 'e'<<8 | 'c'<<16 | 'l'<<24 | 'i'<<32 | 'n'<<40 | 'e'<<48 | 7<<56
	isStepUp   = 's' | 't'<<8 | 'e'<<16 | 'p'<<24 | '_'<<32 | 'u'<<40 | 'p'<<48 | 7<<56
	isMerchant = 'm' | 'e'<<8 | 'r'<<16 | 'c'<<24 | 'h'<<32 | 'a'<<40 | 'n'<<48 | 't'<<56
)

// text is not inlined: six places call it once a decision, and the length of code that
// runs once counts for more than the calls.
//
//go:noinline
func (j *joiner) text(field int) string {
	if field < 0 {
		return ""
	}
	s, _ := j.ev.StringAt(field)
	return s
}

// hits joins the rules that hit, as the pack's hit policy has it.
func (j *joiner) hits() {
	first := true
	for n := range j.run.Notes {
		v := &j.run.Notes[n]
		if !v.Hit {
			continue
		}
		r := &j.man.Rules[v.Rule]
		hit := RuleHit{r.ID, r.Version, r.Effect, r.Reason, r.Weight, v.Truth == rules.Unknown}
		if r.Shadow {
			j.d.Shadow = append(j.d.Shadow, hit)
			continue
		}
		colour, coloured := r.Effect.Outcome()
		if coloured && j.man.Hit == rules.First && !first {
			continue
		}
		first = first && !coloured
		j.hit(v.Rule, hit, colour, coloured)
	}
	j.score()
}

func (j *joiner) hit(i int, hit RuleHit, colour rules.Outcome, coloured bool) {
	r := &j.man.Rules[i]
	j.d.Rules = append(j.d.Rules, hit)
	j.d.Require = j.d.Require.Join(r.Require)
	k := kindHit
	if hit.Missing {
		k = kindMissingHit
	}
	if coloured {
		j.add(part{colour, k, r.Reason, i})
		if colour == rules.Red {
			j.redAction(r.ActionCode)
		}
	} else if r.Effect == rules.EffectScore && j.man.Hit == rules.Score {
		j.d.Score += r.Weight
	}
}

// score turns the sum of weights into a colour: the worst of all thresholds that
// it reaches. A sum that counts an absent fact is no ordinary one.
func (j *joiner) score() {
	if j.man.Hit != rules.Score {
		return
	}
	colour := rules.Green
	for _, t := range j.man.Thresholds {
		if j.d.Score >= t.From {
			colour = colour.Join(t.Outcome)
		}
	}
	if colour == rules.Green {
		return
	}
	k := kindScore
	for _, hit := range j.d.Rules {
		if hit.Effect == rules.EffectScore && hit.Missing {
			k = kindMissingHit
		}
	}
	j.join(colour, k, ReasonScore)
	for _, v := range j.run.Notes {
		r := &j.man.Rules[v.Rule]
		if v.Hit && !r.Shadow && r.Effect == rules.EffectScore && r.Weight > 0 {
			j.add(part{colour, k, r.Reason, v.Rule})
		}
	}
}

// walletFloor joins the wallet's recommendation. Its absence says nothing good: on
// a wallet token it is yellow, and so is a value that we do not know. A token
// whose channel is not known counts as a wallet token.
func (j *joiner) walletFloor() {
	j.d.Floor = j.floor(word.Short(j.text(j.on.walletRecommendation)), word.Short(j.text(j.on.tokenChannel)))
	if j.d.Floor != rules.Green {
		j.join(j.d.Floor, kindFloor, ReasonWalletFloor)
	}
}

// floor is what the wallet asks for at least, from its recommendation and the token's
// channel, see word.Short.
func (j *joiner) floor(recommendation, channel uint64) rules.Outcome {
	if j.on.walletRecommendation < 0 {
		return rules.Green
	}
	switch recommendation {
	case isApprove:
		return rules.Green
	case isDecline:
		return rules.Red
	case isStepUp:
		return rules.Yellow
	case isNone:
		// Before a payload there is no token, so no wallet has spoken: whoever asks says
		// so. That nothing is said at all stays yellow, or a decline could be taken away.
		if j.text(j.on.kind) == eventProvision {
			return rules.Green
		}
	}
	if channel == isMerchant {
		return rules.Green
	}
	return rules.Yellow
}

// failures joins on_error for whatever could not be done.
func (j *joiner) failures(unfit, late []Degradation) {
	failed := append([]Degradation(nil), unfit...)
	for n := range j.run.Notes {
		v := &j.run.Notes[n]
		m := j.marks[v.Rule]
		switch {
		case v.Truth == rules.True || v.Truth == rules.False || !v.Ran || m&isShadow != 0:
		case v.Truth == rules.Error:
			failed = append(failed, Degradation{v.Code.String(), j.man.Rules[v.Rule].ID})
		case v.Truth == rules.Unknown && m&mustKnow != 0:
			failed = append(failed, Degradation{code.Fact.String(), j.man.Rules[v.Rule].ID})
		}
	}
	for i := range j.run.Sections {
		if v := &j.run.Sections[i]; v.Ran && v.Truth == rules.Error {
			failed = append(failed, Degradation{v.Code.String(), ""})
		}
	}
	failed = append(failed, late...)
	if len(failed) == 0 {
		return
	}
	j.d.Degraded = failed
	j.join(j.man.OnError.Join(rules.Yellow), kindFailure, ReasonDegraded)
}

// greenRequires keeps the outcome from green where it was not earned.
func (j *joiner) greenRequires() {
	names := j.names[:0]
	for _, g := range j.greens {
		if !j.ev.Present(g.field) {
			names = append(names, g.name)
		}
	}
	missing := len(names)
	for n := range j.run.Notes {
		v := &j.run.Notes[n]
		if v.Hit || !v.Ran || v.Truth != rules.Unknown && v.Truth != rules.Error {
			continue
		}
		if j.marks[v.Rule]&(isShadow|isRed) == isRed {
			names = append(names, j.man.Rules[v.Rule].ID)
		}
	}
	if j.names = names; len(names) == 0 {
		return
	}
	if missing > 0 {
		j.d.MissingFacts = names[:missing:missing]
		j.join(rules.Yellow, kindGreen, ReasonMissingFacts)
	}
	if missing < len(names) {
		j.d.Unjudged = names[missing:]
		j.join(rules.Yellow, kindGreen, ReasonUnjudged)
	}
}

// finish turns the joined colour into the decision: sections, methods, codes.
func (j *joiner) finish() {
	d := j.d
	d.Outcome, d.Cost = j.joined, j.run.Cost
	j.reasons()
	asks := d.Outcome == rules.Yellow || d.Outcome == rules.Orange
	if j.run.Section >= 0 {
		d.Section = j.man.Sections[j.run.Section].Name
	}
	switch {
	case !asks:
	case j.run.Section >= 0 || j.sectionFailed():
		j.noStepUp()
	default:
		j.stepUp()
	}
	d.ActionCode = j.actionCode()
}

func (j *joiner) actionCode() string {
	switch {
	case j.d.SystemError:
		return actionSystemError
	case j.d.Outcome == rules.Green:
		return actionApprove
	case j.d.Outcome != rules.Red:
		return actionChallenge
	}
	for i, a := range redActions {
		if j.action&(1<<i) != 0 {
			return a
		}
	}
	return actionDecline
}

// reasons names what gave the joined colour, guards first, then rules in their
// order, then what the engine itself found; each reason once.
func (j *joiner) reasons() {
	for i := range j.parts {
		p := &j.parts[i]
		if p.outcome != j.joined || p.reason == "" || p.kind == kindDefault || len(j.d.Reasons) >= MaxReasons {
			continue
		}
		list := &j.own
		if p.kind == kindGuard || p.rule >= 0 {
			list = &j.d.Reasons
		}
		*list = appendNew(*list, p.reason)
	}
	for _, r := range j.own {
		j.d.Reasons = appendNew(j.d.Reasons, r)
	}
	if len(j.d.Reasons) == 0 {
		j.d.Reasons = append(j.d.Reasons, ReasonDefault)
	}
}

// appendNew is not inlined, as text is not.
//
//go:noinline
func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

// printable returns a finding code as it may be shown. Codes come from outside:
// what is long is cut, and a run of digits that may be a card number is masked.
func printable(s string) string {
	if len(s) > maxGuardCode {
		s = strings.ToValidUTF8(s[:maxGuardCode], "") + "..."
	}
	return maskPAN(s)
}

// maskPAN replaces each run of 13 or more digits (single blanks and hyphens
// within) in which a card number may hide; a shorter text is returned as it is.
func maskPAN(s string) string {
	if len(s) < 13 {
		return s
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			continue
		}
		end, digits := i, 0
		for k := i; k < len(s) && (s[k] >= '0' && s[k] <= '9' || s[k] == ' ' || s[k] == '-'); k++ {
			if s[k] >= '0' && s[k] <= '9' {
				digits++
				end = k + 1
			}
		}
		if digits >= 13 {
			return maskPAN(s[:i] + "[masked]" + s[end:])
		}
		i = end
	}
	return s
}
