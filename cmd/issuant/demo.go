package main

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

type demoFlags struct {
	once    bool
	addr    string
	keys    string
	keysDir string
}

const demoHelp = `Play signed webhooks of different stories through the gate, over real HTTP on the
loopback interface, and print each decision with its reasons and latency. Then keep
serving until Ctrl-C.

Rules are the starter pack (or --pack), keys are thrown away at the end, nothing is stored.
Exit code 1 when a story does not end as it must.

To send requests of your own, let the demo make a second key and write it into a new folder:

    issuant demo --keys-dir demo-keys

and, in another terminal, sign and send a body with openssl and curl:

    sh demo-keys/send.sh demo-keys/body.json

Or make a key pair of your own and name a file with its certificate in --keys: a JWKS,
or a JSON object of key id to PEM certificate. The signature is a compact JWS (RS256)
in the header X-Pismo-Sign, over the claims account-id (` + enginetest.PismoAccount + `), body-hash, exp,
iat, iss (api.pismo.io) and sub (api-cards-tokenization); send.sh shows how.`

func (a *app) demoCmd() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: signed webhooks, decisions, refusals",
		Long:  demoHelp,
		Example: `  issuant demo
  issuant demo --once --format json`,
		RunE: func(*cobra.Command, []string) error { return a.demo(&f) },
	}
	cmd.Flags().BoolVar(&f.once, "once", false, "exit after the stories")
	cmd.Flags().StringVar(&f.addr, "addr", "127.0.0.1:0", "`ADDRESS` to listen on; port 0 takes a free one")
	a.packFlag(cmd)
	cmd.Flags().StringVar(&f.keys, "keys", "", "accept the keys of this `FILE` too")
	cmd.Flags().StringVar(&f.keysDir, "keys-dir", "", "make a signing key for you and write it, with a script that signs, into this new `DIR`")
	return a.verb(cmd, "pretty", "json")
}

func (a *app) demo(f *demoFlags) error {
	pack, err := a.loadPack()
	if err != nil {
		return err
	}
	more, kit, err := a.demoKeys(f)
	if err != nil {
		return err
	}
	d, err := newDemo(pack, f.addr, more, io.Discard)
	if err != nil {
		return err
	}
	defer d.close()
	if kit != nil {
		if err := kit.write(d.url); err != nil {
			return err
		}
	}
	show := a.show(d)
	wrong, err := a.tell(d, show)
	if err != nil {
		if a.ctx.Err() != nil {
			return nil // Ctrl-C is how a demo ends
		}
		return err
	}
	if wrong > 0 && a.pack == "" {
		return fail(exitFailed, "demo: %s did not end as it must", count(wrong, "webhook"))
	}
	if f.once {
		return nil
	}
	return a.serveOn(d, show, f)
}

// demoKeys returns the keys that are accepted besides the demo's own: those of
// --keys, and one that it makes for --keys-dir.
func (a *app) demoKeys(f *demoFlags) (more []keyring.Key, kit *signingKit, err error) {
	if f.keys != "" {
		ring, err := a.loadKeys(f.keys)
		if err != nil {
			return nil, nil, err
		}
		more = ring.Keys()
	}
	if f.keysDir == "" {
		return more, nil, nil
	}
	if kit, err = newSigningKit(f.keysDir, time.Now()); err != nil {
		return nil, nil, err
	}
	own, _, err := source.ParseX509Map(kit.keys)
	return append(more, own...), kit, err
}

// serveOn serves until the run is interrupted, and shows each webhook that comes.
func (a *app) serveOn(d *demo, show *show, f *demoFlags) error {
	d.advance(storyLag)
	own := d.watch()
	if err := show.serving(f); err != nil {
		return err
	}
	for {
		select {
		case <-a.ctx.Done():
			return nil
		case x := <-own:
			if err := show.row(d.row(&story{name: "your request"}, x.Reply.Status, x.Reply.Body, &x)); err != nil {
				return err
			}
		}
	}
}

// tell plays all stories; wrong counts those that did not end as they must.
func (a *app) tell(d *demo, show *show) (wrong int, err error) {
	if err := show.begin(); err != nil {
		return 0, err
	}
	for _, c := range chapters() {
		if err := show.chapter(c); err != nil {
			return wrong, err
		}
		for _, s := range c.stories {
			d.prepare(s)
			r, err := d.play(a.ctx, s)
			if err != nil {
				return wrong, err
			}
			if r.differs = r.compare(s); len(r.differs) > 0 {
				wrong++
			}
			if err := show.row(r); err != nil {
				return wrong, err
			}
		}
	}
	return wrong, show.end()
}

// row is what came of one webhook.
type row struct {
	story    string
	status   int
	outcome  string // "" when nothing was decided
	action   string // of the answer; "" when it has none
	rules    []string
	mattered []string // findings and rules that gave the outcome its colour
	refusal  string   // "" when it was decided
	micros   int64
	why      string
	gathered string // facts that set this story apart
	more     int    // rules and findings beside those that gave the colour
	differs  []string
}

// row puts together what the client got and what the server saw.
func (d *demo) row(s *story, status int, answer []byte, x *gatehttp.Exchange) row {
	r := row{story: s.name, status: status, action: actionCode(answer), rules: []string{}, gathered: gatheredText(s)}
	if x == nil {
		r.refusal = "not observed"
		return r
	}
	r.micros, r.refusal = x.Took.Microseconds(), x.Refusal()
	switch {
	case x.Decision != nil:
		r.decision(d.pack.Manifest(), x.Decision)
	case r.refusal == "repeat" && string(answer) == string(d.first.answer):
		r.why = "The very bytes of the first answer, without a second effect."
	default:
		r.why = refusalText[r.refusal]
		if s.why != "" {
			r.why = s.why
		}
	}
	return r
}

// decision fills in what was decided, and explains it by what gave it its colour:
// a finding in words, the sentence of a rule, or what the engine itself adds.
func (r *row) decision(man *rules.Manifest, d *engine.Decision) {
	r.outcome = d.Outcome.String()
	var findings, sentences, lacks, rest []string
	for _, g := range d.Guards {
		text, known := findingText(g.Code)
		if g.Outcome != d.Outcome {
			r.more++
			continue
		}
		if known {
			r.mattered = append(r.mattered, g.Code)
			findings = append(findings, text)
		} else {
			lacks = append(lacks, g.Code)
			rest = append(rest, text)
		}
	}
	for _, h := range d.Rules {
		r.rules = append(r.rules, h.ID)
		if colour, ok := h.Effect.Outcome(); !ok || colour != d.Outcome {
			r.more++
			continue
		}
		r.mattered = append(r.mattered, h.ID)
		for i := range man.Rules {
			if man.Rules[i].ID == h.ID {
				sentences = append(sentences, man.Rules[i].Why)
			}
		}
	}
	r.mattered = append(r.mattered, lacks...)
	for _, reason := range d.Reasons {
		if text, ok := engineReasons[reason]; ok && (d.Outcome != rules.Green || len(sentences) == 0) {
			rest = append(rest, text)
		}
	}
	for _, list := range [][]string{findings, sentences, rest} {
		if len(list) > 0 {
			r.why = list[0]
			break
		}
	}
}

// chapterGathers says what every story of a chapter with gathered facts is told.
const chapterGathers = "gathered: card, verify, device, holder, session, region; velocity is counted"

// gatheredText names the gathered facts that set a story apart from its chapter.
func gatheredText(s *story) string {
	if s.gathered == nil {
		return ""
	}
	base := known()
	var list []string
	for name, v := range s.gathered {
		if fmt.Sprint(base[name]) != fmt.Sprint(v) {
			list = append(list, name+" "+valueText(asFact(v)))
		}
	}
	sort.Strings(list)
	if s.past > 0 {
		list = append(list, fmt.Sprintf("%d other cards on the device", s.past))
	}
	if s.blind {
		list = append(list, "no velocity")
	}
	if len(list) == 0 {
		return ""
	}
	return "gathered: " + strings.Join(list, ", ")
}

// asFact gives an int literal the type of an Int fact.
func asFact(v any) any {
	if n, ok := v.(int); ok {
		return int64(n)
	}
	return v
}

// actionCode reads the action code of Pismo's answer.
func actionCode(answer []byte) string {
	v, err := strictjson.Parse(answer, strictjson.Limits{})
	if err != nil {
		return ""
	}
	m, _ := v.Get("action_code")
	return m.Str
}

// compare lists what is not as the story wants it.
func (r *row) compare(s *story) []string {
	var diff []string
	check := func(what, got, want string) {
		if got != want {
			diff = append(diff, fmt.Sprintf("%s is %q, want %q", what, got, want))
		}
	}
	check("status", fmt.Sprint(r.status), fmt.Sprint(s.status))
	check("outcome", r.outcome, s.outcome)
	check("action_code", r.action, s.action)
	check("refusal", r.refusal, s.refusal)
	return diff
}

func (r *row) json() []byte {
	w := canon.NewWriter(nil).Object().Key("story").String(r.story).Key("status").Int(int64(r.status))
	w.Key("outcome").StringOrNull(r.outcome).Key("action_code").StringOrNull(r.action).Key("rules").Strings(r.rules)
	w.Key("refusal").StringOrNull(r.refusal).Key("micros").Int(r.micros)
	return append(w.EndObject().Bytes(), '\n')
}

// refusalText says what each refusal of the demo means.
var refusalText = map[string]string{
	"signature":   "The signature is not by the key that it names.",
	"body_hash":   "The body is not the one that was signed.",
	"key_unknown": "Nobody we trust has a key of that id.",
	"key_refused": "The key is weak, of another kind or out of date.",
	"algorithm":   "The message chose its own algorithm; only RS256 will do.",
	"not_signed":  "There is no signature.",
	"malformed":   "The signature is malformed.",
	"claims":      "Signed by the right key, but a claim is missing or is not ours.",
	"stale":       "Genuine, but too old, or dated ahead.",
	"replayed":    "Genuine, but it was answered before.",
	"repeat":      "The same message again: the stored answer.",
	"decode":      "Signed, but no request: the counterpart's own system error.",
	"too_large":   "The body is larger than any genuine one; nothing was read beyond the bound.",
	"busy":        "Too many in flight, or too slow.",
	"bad_request": "The body broke off.",
}

// engineReasons says what the engine's own reason codes mean.
var engineReasons = map[string]string{
	engine.ReasonDefault:      "Nothing was found.",
	engine.ReasonDegraded:     "Something failed, so it is not green.",
	engine.ReasonWalletFloor:  "The wallet did not recommend to approve.",
	engine.ReasonMissingFacts: "Facts are missing that a green needs.",
	engine.ReasonUnjudged:     "A red rule could not be judged for want of facts.",
	engine.ReasonScore:        "The sum of the rules' weights.",
	engine.ReasonNoStepUp:     "The cardholder cannot be asked.",
	engine.ReasonNoMethod:     "No way to ask the cardholder is left.",
}

// findings are Pismo's finding codes in words; source: developers.pismo.io,
// "Third-party wallets".
var findingTexts = map[string]string{
	"BNB": "Pismo has a custom finding.", "FLE": "Pismo refuses in general.", "PFT": "Pismo's anti-fraud refuses.",
	"UBT": "The card is blocked.", "NPL": "The card is not plastic.", "FRB": "The card was only created, not activated yet.",
	"VNM": "The card is invalid.", "CED": "The expiry date is wrong.", "EXPCRD": "The card has expired.",
	"TNF": "The token was not found.", "FR1": "The CVV2 check failed.", "FR2": "The CVV2 is invalid.",
	"CNM": "The card is not in its normal state.", "998": "The card was not found.",
	"OP1": "Pismo had an internal error.", "HSE": "Pismo's HSM failed: the CVV was perhaps not checked.",
}

// findingText says a guard in words; known is false for what is no finding about
// the card but a lack of the request.
func findingText(code string) (text string, known bool) {
	if t, ok := findingTexts[code]; ok {
		return t, true
	}
	name, what, _ := strings.Cut(code, ":")
	switch name {
	case "card_status", "card_stage":
		return "The card is " + what + ".", true
	case "card_expired":
		return "The card has expired.", true
	case "missing_required":
		return "The request lacks " + what + ".", false
	case "unknown_value":
		return "The request has an unknown value in " + what + ".", false
	}
	return "A finding that we do not know: " + code + ".", true
}

// show prints the stories, for a person or as JSON.
type show struct {
	*app
	d     *demo
	json  bool
	width int
	wide  bool // what explains a row stands beside it, else below it
	table term.Table

	tally  map[string]int // of outcomes
	micros []int64
}

func (a *app) show(d *demo) *show {
	s := &show{app: a, d: d, json: a.format == "json", width: min(a.columns(), 160)}
	s.wide = s.width >= 120
	s.table = term.Table{Style: a.style(), Columns: []term.Column{
		{Title: "STORY", Min: 14, Max: 25}, {Title: "HTTP"}, {Title: "OUTCOME"}, {Title: "CODE"},
	}}
	need := []int{25, 4, 7, 4}
	causes := term.Column{Title: "FINDINGS AND RULES", Min: 18, Grow: 1}
	if s.wide {
		s.table.Columns = append(s.table.Columns, term.Column{Title: "WHY", Min: 20, Grow: 1})
		need = append(need, 0)
		causes.Grow, causes.Max = 0, 30
	}
	s.table.Columns = append(s.table.Columns, causes, term.Column{Title: "µs", Right: true})
	s.table.Fit(s.width, append(need, causes.Max, 5))
	return s
}

func (s *show) begin() error {
	if s.json {
		return nil
	}
	man := s.d.pack.Manifest()
	_, err := fmt.Fprintf(s.out, "%s  pack %s %s, %d rules\n%s\n\n", s.style().Paint("issuant demo", term.Bold),
		term.Safe(man.Name), term.Safe(man.Version), len(man.Rules), s.style().Paint(s.d.url, term.Dim))
	if err != nil {
		return err
	}
	return s.table.Head(s.out)
}

func (s *show) chapter(c chapter) error {
	if s.json {
		return nil
	}
	title := "\n" + s.style().Paint(c.title, term.Bold, term.Cyan) + "\n"
	if c.gathers != "" {
		title += s.style().Paint(c.gathers, term.Dim) + "\n"
	}
	_, err := fmt.Fprint(s.out, title)
	return err
}

func (s *show) row(r row) error {
	if s.json {
		_, err := s.out.Write(r.json())
		if len(r.differs) > 0 {
			fmt.Fprintf(s.err, "issuant: demo: %s: %s\n", r.story, strings.Join(r.differs, "; "))
		}
		return err
	}
	s.count(&r)
	outcome := term.Cell{Text: r.outcome, Codes: term.Outcome(r.outcome)}
	status := term.Cell{Text: fmt.Sprint(r.status)}
	causes := ""
	switch {
	case r.status >= 400:
		outcome = term.Cell{Text: "refused", Codes: []string{term.Red}}
		status.Codes = []string{term.Red}
		causes = r.refusal
	case r.outcome == "":
		outcome.Text = "–"
		causes = r.refusal
	default:
		causes = s.causes(&r)
	}
	notes := []string{}
	if r.gathered != "" {
		notes = append(notes, r.gathered)
	}
	for _, diff := range r.differs {
		notes = append(notes, "NOT AS IT MUST BE: "+diff)
	}
	cells := []term.Cell{{Text: r.story, Codes: []string{term.Bold}}, status, outcome, {Text: orDash(r.action)}}
	if s.wide {
		cells = append(cells, term.Cell{Text: r.why, Notes: notes})
	}
	cells = append(cells, term.Cell{Text: causes, Codes: []string{term.Dim}}, term.Cell{Text: fmt.Sprint(r.micros), Codes: []string{term.Dim}})
	if err := s.table.Row(s.out, cells...); err != nil || s.wide {
		return err
	}
	return s.below(r.why, notes)
}

// causes names the first findings and rules that gave a row its colour, and says
// how many there are besides: as many as fit on one line where space is short.
func (s *show) causes(r *row) string {
	few, cells := 3, 2*s.table.Cells(causesWide)
	if !s.wide {
		few, cells = 2, s.table.Cells(causesNarrow)
	}
	text := ""
	for n := min(few, len(r.mattered)); n > 0; n-- {
		text = strings.Join(r.mattered[:n], ", ")
		if more := len(r.mattered) - n + r.more; more > 0 {
			text += fmt.Sprintf(" +%d", more)
		}
		if term.Width(text) <= cells {
			break
		}
	}
	return text
}

// The column of findings and rules.
const (
	causesNarrow = 4
	causesWide   = 5
)

// below prints what explains a row under it.
func (s *show) below(why string, notes []string) error {
	var b strings.Builder
	for i, text := range append([]string{why}, notes...) {
		for _, l := range term.Wrap(term.Safe(text), s.width-4) {
			if i > 0 {
				l = s.style().Paint(l, term.Dim)
			}
			b.WriteString("  " + l + "\n")
		}
	}
	_, err := fmt.Fprint(s.out, b.String())
	return err
}

// count keeps what the last line of the table says.
func (s *show) count(r *row) {
	name := r.outcome
	switch {
	case r.status >= 400:
		name = "refused"
	case name == "":
		name = "other"
	}
	if s.tally == nil {
		s.tally = map[string]int{}
	}
	s.tally[name]++
	s.micros = append(s.micros, r.micros)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func (s *show) end() error {
	if s.json {
		return nil
	}
	st := s.style()
	var parts []string
	for _, name := range []string{"green", "yellow", "orange", "red", "refused"} {
		colour := term.Outcome(name)
		if name == "refused" {
			colour = []string{term.Red}
		}
		parts = append(parts, st.Paint(fmt.Sprintf("%d %s", s.tally[name], name), colour...))
	}
	sort.Slice(s.micros, func(i, k int) bool { return s.micros[i] < s.micros[k] })
	text := fmt.Sprintf("\n%d webhooks: %s; median %d µs.\n", len(s.micros), strings.Join(parts, ", "), s.micros[len(s.micros)/2])
	for _, l := range term.Wrap("Whoever is refused learns nothing: every 401 is the same, the reason stands in the record alone.", s.columns()) {
		text += st.Paint(l, term.Dim) + "\n"
	}
	_, err := fmt.Fprint(s.out, text)
	return err
}

// serving tells how to go on.
func (s *show) serving(f *demoFlags) error {
	w := s.out
	if s.json {
		if !s.errTerminal {
			return nil
		}
		w = s.err
	}
	st := s.style()
	text := "\nServing " + st.Paint(s.d.url, term.Bold) + " until Ctrl-C. Try\n\n"
	text += "    curl -si -d '{}' " + s.d.url + "\n\n"
	if f.keysDir != "" {
		text += "and, signed by yourself,\n\n    sh " + f.keysDir + "/send.sh " + f.keysDir + "/body.json\n\n"
	} else {
		text += "To sign requests yourself, start with --keys-dir DIR; see issuant demo --help.\n\n"
	}
	_, err := fmt.Fprint(w, text)
	return err
}

// prepare tells the server's gatherer which story is being played.
func (d *demo) prepare(s *story) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := strictjson.Parse(s.body, strictjson.Limits{})
	if err != nil {
		return
	}
	if id, ok := v.Get("token_id"); ok {
		d.plays[id.Str] = s
	}
}
