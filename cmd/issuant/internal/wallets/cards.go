package wallets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/internal/strictjson"
)

// Bounds of files of cards, inclusive.
const (
	MaxCards     = 100_000
	MaxCardsFile = 32 << 20 // bytes, opened
)

// ErrCards is what the errors of ReadCard and ReadCards wrap, but for those of the file
// system and of keys.
var ErrCards = code.New(code.CardFile, "wallets: not a file of cards")

// readSealed reads a file that holds card numbers: one that is sealed with age, or one
// that nobody but its owner may read.
func readSealed(path string, open func([]byte) ([]byte, error)) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > MaxCardsFile {
		return nil, fmt.Errorf("%w: larger than 32 MiB", ErrCards)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !isSealed(data) {
		if err := filemode.CheckSecret(st); err != nil {
			return nil, &fileError{err}
		}
		return data, nil
	}
	if open == nil {
		return nil, fmt.Errorf("%w: it is sealed with age; give the identity that opens it", ErrCards)
	}
	out, err := open(data)
	if err != nil {
		return nil, err
	}
	if len(out) > MaxCardsFile {
		return nil, fmt.Errorf("%w: larger than 32 MiB", ErrCards)
	}
	return out, nil
}

// fileError is a file whose mode gives it away.
type fileError struct{ error }

func (e *fileError) Code() uint32  { return uint32(code.KeyFile) }
func (e *fileError) Unwrap() error { return e.error }

func isSealed(data []byte) bool {
	text := bytes.TrimSpace(data)
	return bytes.HasPrefix(text, []byte("age-encryption.org/")) || bytes.HasPrefix(text, []byte("-----BEGIN AGE"))
}

// ReadCard reads one card (card.Parse).
func ReadCard(path string, open func([]byte) ([]byte, error)) (*card.Card, error) {
	data, err := readSealed(path, open)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	c, err := card.Parse(data)
	if je, ok := errors.AsType[*strictjson.Error](err); ok {
		return nil, fmt.Errorf("%w: line %d: %s", ErrCards, 1+bytes.Count(data[:min(je.Offset, len(data))], []byte("\n")), je.Msg)
	}
	return c, err
}

// ReadCards reads an object of cards by their references:
//
//	{"k1:9f...": {"pan": ..., "expiry": ...}, "k1:07...": {...}}
func ReadCards(path string, open func([]byte) ([]byte, error)) (*provision.Cards, int, error) {
	data, err := readSealed(path, open)
	if err != nil {
		return nil, 0, err
	}
	defer clear(data)
	if _, err := strictjson.Parse(data, strictjson.Limits{MaxBytes: MaxCardsFile, MaxDepth: 4, MaxValues: 16 * MaxCards, CaseVariants: true}); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrCards, err)
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(data, &raw) != nil || len(raw) == 0 || len(raw) > MaxCards {
		return nil, 0, fmt.Errorf("%w: it is no object of 1 to %d cards by their references", ErrCards, MaxCards)
	}
	cards := make(map[string]card.Card, len(raw))
	for ref, text := range raw {
		c, err := card.Parse(text)
		if err != nil { // the reference may be a card number by mistake, and is not shown
			return nil, 0, fmt.Errorf("%w: a card: %w", ErrCards, err)
		}
		cards[ref] = *c
	}
	return provision.NewCards(cards), len(cards), nil
}

// Counterpart is under which the records of payloads stand.
const Counterpart = "provision"

// Reasons in records.
const (
	ReasonBuilt   = "PAYLOAD_BUILT"
	ReasonRefused = "PAYLOAD_REFUSED"
	ReasonUnsafe  = "UNSAFE_NO_DECISION"
)

// AuditRecord turns the record of a payload into one of the chain that issuant records
// reads: reasons tell wallet, network and formats.
func AuditRecord(r *provision.Record, form engine.CardForm, took time.Duration) *engine.Record {
	out := &engine.Record{At: r.At, Counterpart: Counterpart, DecisionID: r.DecisionID, Refusal: r.Refusal, Micros: took.Microseconds()}
	out.Reasons = []string{ReasonBuilt}
	if r.Refusal != "" {
		out.Reasons[0] = ReasonRefused
	}
	if r.Unsafe {
		out.Reasons = append(out.Reasons, ReasonUnsafe)
	}
	for _, text := range append([]string{string(r.Wallet), r.Network}, r.Formats...) {
		if text != "" {
			out.Reasons = append(out.Reasons, strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(text)))
		}
	}
	if form == engine.CardRef {
		out.Card = engine.Card{Ref: r.CardRef}
	}
	return out
}
