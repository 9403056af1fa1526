package engine

import (
	"time"

	"github.com/issuant/issuant/rules"
)

// Decision is the answer to one event. Its canonical JSON is what AppendJSON writes.
type Decision struct {
	ID          string // lower-case hexadecimal hash of pack id, event id and now; lies in the decision's memory, so that who keeps ids alone clones them
	PackID      string
	PackName    string
	PackVersion string
	EventID     string
	Now         time.Time

	Outcome    rules.Outcome
	ActionCode string // 00 green, 85 yellow and orange, else 14, 54, N7 or 05; 96 when SystemError

	// Reasons are the codes of what gave the joined colour: guards, then rules in
	// their order, then what the engine found (ReasonDefault and its like). Where
	// the cardholder cannot be asked, the reason for that stands last. At most
	// MaxReasons of guards and rules.
	Reasons []string
	// Guards are those of the event, built-in ones last. From MaxGuards on only
	// those are listed that make the outcome worse; all count.
	Guards []Guard
	Rules  []RuleHit // rules that hit and counted; under hit: first one colour alone
	Shadow []RuleHit // hits of shadow rules, without effect

	StepUp  []string      // channels to offer, in order; empty unless Outcome is yellow or orange
	Require rules.Require // what narrowed StepUp

	Score    int64
	Floor    rules.Outcome // the wallet's floor; Green when it asks for nothing
	Section  string        // name of the section that applied, or ""
	Degraded []Degradation // errors that joined in as on_error
	// What kept the outcome from green although nothing hit:
	MissingFacts []string // green_requires facts that are absent
	Unjudged     []string // ids of red rules that could not be judged

	// SystemError: something failed (see Degraded) and the yellow or orange that
	// was left has no usable step-up method. Outcome is then red, and the
	// counterpart gets its own "system error".
	SystemError bool

	Cost  int64
	Lists []ListDigest

	// provision is what a Granter goes by: the engine alone sets it, so that a Decision
	// that was put together by hand, or changed afterwards, permits nothing more.
	provision *provisioning
	written   *written // nil for a Decision that was put together by hand
}

// RuleHit is one rule that hit.
type RuleHit struct {
	ID      string
	Version string
	Effect  rules.Effect
	Reason  string
	Weight  int64
	Missing bool // it hit because a fact was absent (on_missing: hit)
}

// Degradation is one error that joined a decision as on_error.
type Degradation struct {
	Code string // stable name of the code: cost, overflow, deadline, ...
	Rule string // rule id, or ""
}

// ListDigest names the contents of a list that took part.
type ListDigest struct {
	Name   string
	Digest string
}

// Method is a step-up method that the issuer offers.
type Method struct {
	Channel string // sms, email, app or call
	SCA     bool   // it is strong customer authentication by itself; a text message is not
	AgeFact string // Int fact, in days, that tells the channel's age; "" = always tenured (the issuer's own hotline)
}

// DefaultMethods returns the issuer's app (SCA; as old as the app's credentials), a
// text message (as old as the phone number on file) and the issuer's hotline.
func DefaultMethods() []Method {
	return []Method{
		{Channel: "app", SCA: true, AgeFact: "holder.creds_reset_days"},
		{Channel: "sms", AgeFact: "holder.phone_changed_days"},
		{Channel: "call"},
	}
}
