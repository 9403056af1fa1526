package wallets

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/googlepay"
	"github.com/issuant/issuant/crypto/provision/samsungpay"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// MaxRequest bounds a request document in bytes, inclusive.
const MaxRequest = 64 << 10

// Kinds of wallets, as verbs and paths name them.
const (
	Apple   = "apple"
	Google  = "google"
	Samsung = "samsung"
)

// Request is what a phone asks for.
type Request struct {
	Kind      string
	Network   card.Network
	CardRef   string
	Wallet    card.Wallet       // of Google Pay and Samsung Pay
	SessionID string            // of Google Pay: Google's own object is wanted too
	DeviceID  string            // of Apple Pay, where the decision's event has one
	Apple     *applepay.Request // of Apple Pay
}

// ErrRequest is what the errors of ParseRequest wrap, but for those of package applepay.
var ErrRequest = code.New(code.Field, "wallets: not a request")

// ErrWallet: no payloads are built for the wallet.
var ErrWallet = code.New(code.Network, "wallets: wallet is not configured")

type document struct {
	Network         string          `json:"network"`
	CardRef         string          `json:"card_ref"`
	Wallet          json.RawMessage `json:"wallet"`
	ServerSessionID string          `json:"server_session_id"`
	DeviceID        string          `json:"device_id"`
	Scheme          string          `json:"scheme"`
	Certificates    []string        `json:"certificates"`
	Nonce           string          `json:"nonce"`
	NonceSignature  string          `json:"nonce_signature"`
	Encoding        string          `json:"encoding"`
	AuthCode        string          `json:"auth_code"`
}

var requestMembers = []string{
	"network", "card_ref", "wallet", "server_session_id", "device_id", "scheme", "certificates", "nonce", "nonce_signature", "encoding", "auth_code",
}

// ParseRequest reads a request:
//
//	google:  {"network", "card_ref", "wallet": {"account_id", "device_id", "app_id"}, "server_session_id"}
//	samsung: {"network", "card_ref", "wallet": {"account_id", "device_id", "app_id"}}
//	apple:   {"network", "card_ref", "certificates": [PEM or Base64 of DER, the leaf first], "nonce",
//	          "nonce_signature", "encoding": "hex" or "base64", "scheme", "device_id", "auth_code"}
//
// Other members are refused. No error holds a value.
func ParseRequest(kind string, data []byte) (*Request, error) {
	bad := func(what string) (*Request, error) { return nil, code.Wrap(ErrRequest, what) }
	if len(data) > MaxRequest {
		return bad("it is larger than 64 KiB")
	}
	v, err := strictjson.Parse(data, strictjson.Limits{MaxBytes: MaxRequest, MaxDepth: 4, MaxValues: 64})
	if err != nil {
		return nil, err
	}
	for _, m := range v.Members { // package json takes names in any case
		if !slices.Contains(requestMembers, m.Name) {
			return bad("it has a member that is not known here")
		}
	}
	var d document
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return bad(fmt.Sprintf("%s is of another type", e.Field))
		}
		return bad("it has a member that is not known here")
	}
	r := &Request{Kind: kind, Network: card.Network(d.Network), CardRef: d.CardRef, SessionID: d.ServerSessionID, DeviceID: d.DeviceID}
	if _, ok := networkName(d.Network); !ok {
		return bad("network is not visa, mastercard, amex or discover")
	}
	apple := d.Certificates != nil || d.Nonce != "" || d.NonceSignature != "" || d.Encoding != "" || d.Scheme != "" || d.AuthCode != "" || d.DeviceID != ""
	switch kind {
	case Apple:
		if d.Wallet != nil || d.ServerSessionID != "" {
			return bad("wallet and server_session_id do not belong to Apple Pay")
		}
		return r, r.apple(&d)
	case Samsung:
		if d.ServerSessionID != "" {
			return bad("server_session_id belongs to Google Pay")
		}
	}
	if apple {
		return bad("certificates, nonce, nonce_signature, encoding, scheme, device_id and auth_code belong to Apple Pay; a device stands in wallet")
	}
	if d.Wallet == nil {
		return bad("wallet is missing")
	}
	w, err := card.ParseWallet(d.Wallet)
	if err != nil {
		return nil, err
	}
	if w.RequestorID != "" {
		return bad("wallet.requestor_id is configuration, not part of a request")
	}
	r.Wallet = *w
	return r, nil
}

func (r *Request) apple(d *document) error {
	encodings := map[string]applepay.TextEncoding{"hex": applepay.Hex, "base64": applepay.Base64}
	if encodings[d.Encoding] == 0 {
		return code.Wrap(ErrRequest, `encoding is neither "hex" nor "base64": eight hex digits are Base64 too, so it cannot be guessed`)
	}
	req, err := applepay.ParseRequest(d.Certificates, d.Nonce, d.NonceSignature, encodings[d.Encoding])
	if err != nil {
		return err
	}
	req.Scheme, req.AuthCode = d.Scheme, secret.NewText(d.AuthCode)
	r.Apple = req
	return nil
}

// NonceText is the nonce as a grant binds it; "" for what has none.
func (r *Request) NonceText() string {
	if r.Apple == nil {
		return ""
	}
	return hex.EncodeToString(r.Apple.Nonce)
}

// Outcome is a payload. It prints as "[outcome]": some payloads can be searched back to a
// card number by who has the right keys.
type Outcome struct {
	json []byte
	// AuthCode is for the issuer, who knows the network's question by it; zero: none.
	AuthCode secret.Text
}

// Format writes a placeholder, whatever the verb.
func (o Outcome) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[outcome]")) }

// MarshalText returns a placeholder.
func (o Outcome) MarshalText() ([]byte, error) { return []byte("[outcome]"), nil }

// JSON returns the outcome as one object: wallet, network, formats, auth_code, key_id,
// valid_until (null where there is none) and payload, what the app gets. The caller
// owns it.
func (o *Outcome) JSON() []byte { return o.json }

// Build builds for a grant; see provision.Build.
func (w *Wallets) Build(ctx context.Context, r *Request, g *provision.Grant, p provision.Ports, now time.Time) (*Outcome, *provision.Record, error) {
	return w.build(ctx, r, maker{g: g, ports: p, now: now})
}

// UnsafeBuild builds without a grant; see provision.UnsafeBuild.
func (w *Wallets) UnsafeBuild(ctx context.Context, r *Request, c *card.Card, now time.Time) (*Outcome, *provision.Record, error) {
	return w.build(ctx, r, maker{card: c, now: now})
}

// maker is with what a payload is built: a grant, or a card alone.
type maker struct {
	g     *provision.Grant
	ports provision.Ports
	card  *card.Card
	now   time.Time
}

func run[P any](ctx context.Context, m maker, t provision.Target[P]) (P, *provision.Record, error) {
	if m.card != nil {
		return provision.UnsafeBuild(ctx, m.card, t, m.now)
	}
	return provision.Build(ctx, m.g, t, m.ports, m.now)
}

func (w *Wallets) build(ctx context.Context, r *Request, m maker) (*Outcome, *provision.Record, error) {
	if w.Google == nil && r.Kind == Google || w.Samsung == nil && r.Kind == Samsung || w.Apple == nil && r.Kind == Apple {
		return nil, nil, code.Wrap(ErrWallet, "the file of wallets has no "+r.Kind) // before the grant is spent
	}
	switch r.Kind {
	case Google:
		t := googlepay.Target{Pay: w.Google, Network: r.Network, CardRef: r.CardRef, Wallet: r.Wallet}
		if r.SessionID != "" {
			if w.Object == nil {
				return nil, nil, code.Wrap(ErrRequest, "server_session_id asks for Google's own object, which is not configured")
			}
			t.Object, t.ServerSessionID = w.Object, r.SessionID
		}
		p, rec, err := run[*googlepay.Payload](ctx, m, t)
		if err != nil {
			return nil, rec, err
		}
		return outcome(r, rec, nil, func(j *canon.Writer) {
			j.Key("opaque_payment_card").String(string(p.OpaquePaymentCard)).Key("google_opaque_payment_card").StringOrNull(string(p.GoogleOpaquePaymentCard))
		}), rec, nil
	case Samsung:
		t := samsungpay.Target{Pay: w.Samsung, Network: r.Network, CardRef: r.CardRef, Wallet: r.Wallet}
		p, rec, err := run[[]byte](ctx, m, t)
		if err != nil {
			return nil, rec, err
		}
		return outcome(r, rec, nil, func(j *canon.Writer) { j.Key("payload").String(string(p)) }), rec, nil
	}
	t := applepay.Target{Pay: w.Apple, Network: r.Network, CardRef: r.CardRef, DeviceID: r.DeviceID, Request: r.Apple}
	p, rec, err := run[*applepay.PassData](ctx, m, t)
	if err != nil {
		return nil, rec, err
	}
	return outcome(r, rec, p, nil), rec, nil
}

// outcome writes what the caller gets.
func outcome(r *Request, rec *provision.Record, pass *applepay.PassData, payload func(*canon.Writer)) *Outcome {
	o := &Outcome{}
	j := canon.NewWriter(nil).Object().Key("wallet").String(r.Kind).Key("network").String(string(r.Network)).Key("formats").Strings(rec.Formats)
	if pass == nil {
		j.Key("auth_code").Null().Key("key_id").Null().Key("valid_until").Null().Key("payload").Object()
		payload(j)
		o.json = j.EndObject().EndObject().Bytes()
		return o
	}
	o.AuthCode = pass.AuthCode
	j.Key("auth_code").StringOrNull(pass.AuthCode.Reveal()).Key("key_id").StringOrNull(pass.KeyID).Key("valid_until")
	if pass.ValidUntil.IsZero() {
		j.Null()
	} else {
		j.Time(pass.ValidUntil)
	}
	o.json = j.Key("payload").Append(pass.AppendJSON).EndObject().Bytes()
	return o
}

// Grant returns what a grant for the request is asked with.
func (r *Request) Grant() *engine.GrantRequest {
	g := &engine.GrantRequest{AccountID: r.Wallet.AccountID, DeviceID: r.Wallet.DeviceID, Nonce: r.NonceText()}
	if r.Kind == Apple {
		g.DeviceID = r.DeviceID
	}
	return g
}
