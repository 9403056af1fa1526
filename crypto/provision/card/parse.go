package card

import (
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/strictjson"
)

// MaxDocument bounds the JSON of Parse and ParseWallet, in bytes, inclusive.
const MaxDocument = 16 << 10

var documentLimits = strictjson.Limits{MaxBytes: MaxDocument, MaxDepth: 4, MaxValues: 64}

// Parse reads a card from JSON:
//
//	{"pan": "...", "expiry": {"month": "12", "year": "2030"}, "cvv2": "...", "name": "...",
//	 "address": {"line1": "...", "line2": "...", "line3": "...", "city": "...",
//	             "state": "NY", "postal_code": "...", "country": "US"}}
//
// pan and expiry are required, and every value is a text. Other members, in another
// case too, are refused. The error is a *FieldError, or one of strict JSON; neither
// holds a value. What a network limits is its builder's to check.
func Parse(data []byte) (*Card, error) {
	v, err := strictjson.Parse(data, documentLimits)
	if err != nil {
		return nil, err
	}
	r := &documentReader{}
	var pan, cvv2 string
	var month, year string
	c := &Card{}
	r.object("card", v, map[string]func(string, strictjson.Value){
		"pan": r.text(&pan), "cvv2": r.text(&cvv2), "name": r.text(&c.Name),
		"expiry": func(field string, v strictjson.Value) {
			r.object(field, v, map[string]func(string, strictjson.Value){"month": r.text(&month), "year": r.text(&year)})
		},
		"address": func(field string, v strictjson.Value) {
			c.Address = &Address{}
			a := c.Address
			r.object(field, v, map[string]func(string, strictjson.Value){
				"line1": r.text(&a.Line1), "line2": r.text(&a.Line2), "line3": r.text(&a.Line3), "city": r.text(&a.City),
				"state": r.text(&a.State), "postal_code": r.text(&a.PostalCode), "country": r.text(&a.Country),
			})
		},
	})
	if r.err != nil {
		return nil, r.err
	}
	if c.PAN, err = secret.ParsePAN(pan); err != nil {
		return nil, NewFieldError(ErrPAN, "pan", "it is missing, or not 12 to 19 digits with a right check digit")
	}
	if c.Expiry, err = ParseExpiry(month, year); err != nil {
		return nil, err
	}
	c.CVV2 = secret.NewText(cvv2)
	return c, nil
}

// ParseWallet reads a wallet instance from JSON: {"account_id", "device_id", "app_id",
// "requestor_id"}, texts, each of which may be missing. Its errors are as those of Parse.
func ParseWallet(data []byte) (*Wallet, error) {
	v, err := strictjson.Parse(data, documentLimits)
	if err != nil {
		return nil, err
	}
	w, r := &Wallet{}, &documentReader{}
	r.object("wallet", v, map[string]func(string, strictjson.Value){
		"account_id": r.text(&w.AccountID), "device_id": r.text(&w.DeviceID), "app_id": r.text(&w.AppID), "requestor_id": r.text(&w.RequestorID),
	})
	if r.err != nil {
		return nil, r.err
	}
	return w, nil
}

// documentReader remembers the first thing that is wrong.
type documentReader struct{ err error }

func (r *documentReader) fail(field, reason string) {
	if r.err == nil {
		r.err = NewFieldError(ErrField, field, reason)
	}
}

func (r *documentReader) object(field string, v strictjson.Value, known map[string]func(string, strictjson.Value)) {
	if v.Kind != strictjson.Object {
		r.fail(field, "it is no JSON object")
		return
	}
	for _, m := range v.Members {
		read := known[m.Name]
		if read == nil {
			r.fail(field, "it has a member that is not known here")
			return
		}
		read(m.Name, m.Value)
	}
}

func (r *documentReader) text(to *string) func(string, strictjson.Value) {
	return func(field string, v strictjson.Value) {
		if v.Kind != strictjson.String {
			r.fail(field, "it is no text")
			return
		}
		*to = v.Str
	}
}
