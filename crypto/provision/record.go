package provision

import (
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/grant"
)

// RecordFormat is the version of the JSON form of a Record.
const RecordFormat = 1

// Record tells for the audit what was built for which grant, or why nothing was. It
// holds no card number, no payload and nothing that the phone sent.
type Record struct {
	At         time.Time
	GrantID    string // "" without a grant
	DecisionID string // "" without a grant
	CardRef    string // of the grant; without one, as the caller named it
	Wallet     Wallet
	Network    string
	Method     string   // of the step-up that was passed; "" for none
	Formats    []string // what was built; the names of unverified ones begin with "unverified-"
	Unsafe     bool     // it was built without a decision: UnsafeBuild
	Spent      bool     // the grant is used up, whatever came of it
	Refusal    string   // stable name of the code; "" when it was built
}

// AppendJSON appends the record as one canonical JSON object, all members in the order
// of the struct: format, at, grant_id, decision_id, card_ref, wallet, network, method,
// formats, unsafe, spent, refusal; texts that are "" are null.
func (r *Record) AppendJSON(dst []byte) []byte {
	w := canon.NewWriter(dst).Object().Key("format").Int(RecordFormat).Key("at").Time(r.At)
	w.Key("grant_id").StringOrNull(r.GrantID).Key("decision_id").StringOrNull(r.DecisionID).Key("card_ref").StringOrNull(r.CardRef)
	w.Key("wallet").StringOrNull(string(r.Wallet)).Key("network").StringOrNull(r.Network).Key("method").StringOrNull(r.Method)
	w.Key("formats").Strings(r.Formats).Key("unsafe").Bool(r.Unsafe).Key("spent").Bool(r.Spent)
	return w.Key("refusal").StringOrNull(r.Refusal).EndObject().Bytes()
}

// newRecord begins the record of a payload. Of the binding it takes what is shaped as
// it should be: the rest is a stranger's.
func newRecord(g *Grant, b *Binding, now time.Time) *Record {
	r := &Record{At: now, Wallet: Wallet(shown(string(b.Wallet))), Network: shown(string(b.Network)), CardRef: shown(b.CardRef)}
	if claims, ok := grant.Of(g); ok {
		r.GrantID, r.DecisionID, r.CardRef, r.Method = claims.ID, claims.DecisionID, claims.CardRef, claims.Method
	}
	return r
}

// shown returns s when it can stand in a record, else "": not what a careless caller
// took for a reference, a card number.
func shown(s string) string {
	bare := strings.ReplaceAll(s, "-", "")
	if !grant.Text(s) || len(bare) >= secret.MinPANDigits && strings.Trim(bare, "0123456789") == "" {
		return ""
	}
	return s
}

func (r *Record) refused(err error) { r.Refusal = code.Of(err).String() }
