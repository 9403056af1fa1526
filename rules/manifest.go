package rules

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
)

// HitPolicy tells how the hits of a pack become one outcome. The zero policy is Worst.
type HitPolicy uint8

const (
	Worst HitPolicy = iota // the worst colour of all hits
	Score                  // weights of hits are summed, thresholds give the colour
	First                  // the first hit in file order, then position, gives the colour
)

var hitNames = [...]string{"worst", "score", "first"}

// String returns the name that pack.yaml uses.
func (h HitPolicy) String() string { return hitNames[h%3] }

// OnMissing tells what a rule does whose whole condition is unknown. The zero value is Skip.
type OnMissing uint8

const (
	Skip    OnMissing = iota // it does not hit
	HitIt                    // "hit": it hits
	ErrorIt                  // "error": it joins in as the pack's on_error
)

var onMissingNames = [...]string{"skip", "hit", "error"}

// String returns the name that rules use.
func (o OnMissing) String() string { return onMissingNames[o%3] }

// Effect is what a hit does. The zero Effect is EffectRed.
type Effect uint8

const (
	EffectRed    Effect = iota
	EffectOrange        //
	EffectYellow        //
	EffectGreen         // explains; it never lowers a colour
	EffectScore         // adds Weight; only in packs with hit: score
	EffectTag           // recorded, no colour
)

var effectNames = [...]string{"red", "orange", "yellow", "green", "score", "tag"}

// String returns the name that rules use.
func (e Effect) String() string { return effectNames[e%6] }

// Outcome returns the colour of a hit; ok is false for score and tag.
func (e Effect) Outcome() (o Outcome, ok bool) { return Outcome(e), e <= EffectGreen }

// Require narrows the step-up methods that may be offered.
type Require struct {
	SCA     bool // strong customer authentication: a text message alone is not
	Tenured bool // the channel is older than the pack's tenured_days
	NoApp   bool // not through the issuer's app
}

// Join returns what both ask for.
func (r Require) Join(o Require) Require {
	return Require{r.SCA || o.SCA, r.Tenured || o.Tenured, r.NoApp || o.NoApp}
}

// Bounds of a pack, inclusive.
const (
	MaxRules    = 20_000
	MaxSections = 100
	MaxParams   = 1000
	MaxLists    = 100
)

// ValidRuleID reports whether s is a rule's id: letters, digits and underscores, a
// letter first, at most 64.
func ValidRuleID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if letter := c >= 'a' && c <= 'z'; !letter && (i == 0 || s[i] != '_' && (s[i] < '0' || s[i] > '9')) {
			return false
		}
	}
	return true
}

// Rule is one rule in source form.
type Rule struct {
	ID         string
	Version    string
	Effect     Effect
	When       string // the condition, in expr
	Weight     int64  // points, 0 to 1,000,000; with EffectScore only
	Reason     string // stable reason code, upper case
	ActionCode string // of a red hit: 14, 54, N7 or 05; "" means 05
	OnMissing  OnMissing
	StepUp     []string // channels in order of preference; empty means the pack's
	Require    Require
	Shadow     bool      // evaluated and recorded without effect
	Until      time.Time // of a shadow rule: not evaluated from then on; zero = no end
	Percent    int       // share of events on which the rule runs, 1 to 100, by hash of event id and rule id
	Why        string    // for the agent
	Say        string    // neutral, for the cardholder; may be empty
	Sources    []string  // where the rule comes from
	Owner      string
	Since      string // date, 2006-01-02
	File       string // where it stands, for messages; not part of Pack.ID
	Line       int    // 1-based; 0 when it was loaded from a binary
}

// Param is a named constant with bounds that rules read with param("name").
type Param struct {
	Name  string
	Type  Type // String, Int, Float, Bool
	Value any
	Min   any // nil = no bound; else of the type of Value; Int and Float only
	Max   any
	Unit  string
	Doc   string
}

// ListDecl declares a list that rules read with list("name").
type ListDecl struct {
	Name string
	File string // below the pack's folder; "" when the entries are given at run time only
	Doc  string
}

// Section says what a colour means for tokens whose cardholder cannot be asked.
type Section struct {
	Name     string
	When     string  // condition; the first section that is true applies
	NoStepUp Outcome // Red or Green: what a yellow becomes there
}

// Threshold gives a colour from a score on, inclusive.
type Threshold struct {
	From    int64
	Outcome Outcome
}

// Manifest is the source form of a pack: everything that a pack is but the
// contents of its lists. Its canonical form is what Pack.ID digests.
type Manifest struct {
	Name          string
	Version       string
	Schema        *Schema
	Hit           HitPolicy
	Default       Outcome
	OnError       Outcome // Yellow, Orange or Red; never Green
	GreenRequires []string
	Thresholds    []Threshold // ascending, of hit: score
	StepUp        []string    // channels in order of preference
	TenuredDays   int64       // default 30
	NoStepUp      Outcome     // outside sections: Red
	Sections      []Section
	Params        []Param
	Lists         []ListDecl
	MaxCost       int64 // bound on the counted cost of a decision; default DefaultMaxCost
	Owner         string
	Doc           string
	Rules         []Rule
}

// DefaultMaxCost bounds the counted cost of a decision (nodes judged, list items
// visited) where a pack does not say otherwise; MaxMaxCost is what it may ask for.
const (
	DefaultMaxCost = 1_000_000
	MaxMaxCost     = 100_000_000
)

// AppendCanonical appends the canonical JSON of the manifest: format, then its
// members in a fixed order, defaults written out.
func (m *Manifest) AppendCanonical(dst []byte) []byte {
	return m.canonical(slices.Grow(dst, 1024+512*len(m.Rules)), nil)
}

// canonical is AppendCanonical; full, which may be nil, is given what was written so far
// whenever it has grown large, and returns where to go on.
func (m *Manifest) canonical(dst []byte, full func([]byte) []byte) []byte {
	dst = m.appendHead(dst)
	for i := range m.Rules {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst = m.Rules[i].appendCanonical(dst); full != nil && len(dst) >= digestPiece {
			dst = full(dst)
		}
	}
	return append(dst, "]}"...)
}

// appendHead appends the canonical form up to the first rule.
func (m *Manifest) appendHead(dst []byte) []byte {
	w := canon.NewWriter(dst)
	w.Object().Key("format").Int(1).Key("name").String(m.Name).Key("version").String(m.Version)
	w.Key("schema")
	m.Schema.appendCanonical(w)
	w.Key("hit").String(m.Hit.String()).Key("default").String(m.Default.String())
	w.Key("on_error").String(m.OnError.String()).Key("green_requires").Strings(m.GreenRequires)
	w.Key("thresholds").Array()
	for _, t := range m.Thresholds {
		w.Object().Key("from").Int(t.From).Key("outcome").String(t.Outcome.String()).EndObject()
	}
	w.EndArray().Key("step_up").Strings(m.StepUp).Key("tenured_days").Int(m.TenuredDays)
	w.Key("no_step_up").String(m.NoStepUp.String()).Key("sections").Array()
	for _, s := range m.Sections {
		w.Object().Key("name").String(s.Name).Key("when").String(s.When)
		w.Key("no_step_up").String(s.NoStepUp.String()).EndObject()
	}
	w.EndArray().Key("params").Array()
	for i := range m.Params {
		m.Params[i].appendCanonical(w)
	}
	w.EndArray().Key("lists").Array()
	for _, l := range m.Lists {
		w.Object().Key("name").String(l.Name).Key("doc").String(l.Doc).EndObject()
	}
	w.EndArray().Key("max_cost").Int(m.MaxCost).Key("owner").String(m.Owner).Key("doc").String(m.Doc)
	return w.Key("rules").Array().Bytes()
}

func (p *Param) appendCanonical(w *canon.Writer) {
	w.Object().Key("name").String(p.Name).Key("type").String(p.Type.String()).Key("value")
	AppendValue(w, p.Value)
	w.Key("min")
	AppendValue(w, p.Min)
	w.Key("max")
	AppendValue(w, p.Max)
	w.Key("unit").String(p.Unit).Key("doc").String(p.Doc).EndObject()
}

// appendCanonical writes names and marks as they stand: a pack's id is computed
// whenever it is loaded, and a large pack has many rules.
func (r *Rule) appendCanonical(dst []byte) []byte {
	text := func(name, s string) {
		dst = canon.AppendString(append(dst, name...), s)
	}
	text(`{"id":`, r.ID)
	text(`,"version":`, r.Version)
	text(`,"effect":`, r.Effect.String())
	text(`,"when":`, r.When)
	dst = strconv.AppendInt(append(dst, `,"weight":`...), r.Weight, 10)
	text(`,"reason":`, r.Reason)
	text(`,"action_code":`, r.ActionCode)
	text(`,"on_missing":`, r.OnMissing.String())
	dst = appendTexts(append(dst, `,"step_up":`...), r.StepUp)
	dst = strconv.AppendBool(append(dst, `,"require":{"sca":`...), r.Require.SCA)
	dst = strconv.AppendBool(append(dst, `,"tenured":`...), r.Require.Tenured)
	dst = strconv.AppendBool(append(dst, `,"no_app":`...), r.Require.NoApp)
	dst = strconv.AppendBool(append(dst, `},"shadow":`...), r.Shadow)
	dst = append(dst, `,"until":`...)
	if r.Until.IsZero() {
		dst = append(dst, "null"...)
	} else {
		dst = canon.AppendTime(dst, r.Until)
	}
	dst = strconv.AppendInt(append(dst, `,"percent":`...), int64(r.Percent), 10)
	text(`,"why":`, r.Why)
	text(`,"say":`, r.Say)
	dst = appendTexts(append(dst, `,"sources":`...), r.Sources)
	text(`,"owner":`, r.Owner)
	text(`,"since":`, r.Since)
	return append(dst, '}')
}

func appendTexts(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = canon.AppendString(dst, s)
	}
	return append(dst, ']')
}

// ID returns the lower-case hexadecimal SHA-256 of the canonical manifest. Lists
// are digested apart, so that a list update does not change it.
func (m *Manifest) ID() string {
	h := sha256.New()
	full := func(piece []byte) []byte {
		h.Write(piece)
		return piece[:0]
	}
	full(m.canonical(make([]byte, 0, digestPiece+4096), full))
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return digest.Text(new([2 * sha256.Size]byte), &sum)
}

// digestPiece is what is digested at once, in bytes: a large pack is not written out as a
// whole for that.
const digestPiece = 16 << 10
