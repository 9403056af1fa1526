package profile

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// VectorKind is the kind of the vector files that Conform takes.
const VectorKind = "provision_conform"

// vectorFile is a file of known answers: the one vector format of this project, so
// that a file can be read in any language.
type vectorFile struct {
	Format  int             `json:"format"`
	Kind    string          `json:"kind"`
	Comment string          `json:"comment"`
	Notes   json.RawMessage `json:"notes"`
	Setup   struct {
		Profile string          `json:"profile"`
		Keys    json.RawMessage `json:"keys"` // a JWK set; Conform takes keys from its options
	} `json:"setup"`
	Cases []vector `json:"cases"`
}

type vector struct {
	ID      string      `json:"id"`
	Comment string      `json:"comment"`
	Flags   []string    `json:"flags"`
	NowMS   int64       `json:"now_ms"`
	Input   vectorInput `json:"input"`
	Expect  string      `json:"expect"`
	Want    *vectorWant `json:"want"`
}

type vectorInput struct {
	Card           json.RawMessage  `json:"card"`
	Wallet         json.RawMessage  `json:"wallet"`
	Nonce          octets           `json:"nonce"`
	NonceSignature octets           `json:"nonce_signature"`
	AuthCode       string           `json:"auth_code"`
	TokenRef       string           `json:"token_ref"`
	Session        string           `json:"session"`
	Random         map[string]bytez `json:"random"` // by name: what is drawn
	Fixed          map[string]bytez `json:"fixed"`  // by step: the outcome of RSA-OAEP or OpenPGP
}

type vectorWant struct {
	Result bytez            `json:"result"`
	Steps  map[string]bytez `json:"steps"` // outcomes on the way, encoded as the step encodes them
}

// octets are bytes in hex.
type octets []byte

// UnmarshalJSON implements json.Unmarshaler.
func (o *octets) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) != nil {
		return fmt.Errorf("bytes stand as hex in a text")
	}
	var err error
	if *o, err = hex.DecodeString(text); err != nil {
		return fmt.Errorf("bytes stand as hex in a text")
	}
	return nil
}

// bytez are bytes, as a text that holds them as they are, or as {"hex": ...} or
// {"b64": ...}. They print as nothing: they may hold a card number.
type bytez struct{ b []byte }

// UnmarshalJSON implements json.Unmarshaler.
func (z *bytez) UnmarshalJSON(b []byte) (err error) {
	var text string
	if json.Unmarshal(b, &text) == nil {
		z.b = []byte(text)
		return nil
	}
	var form struct{ Hex, B64 *string }
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	wrong := fmt.Errorf(`bytes are a text, {"hex": ...} or {"b64": ...}`)
	if dec.Decode(&form) != nil || (form.Hex == nil) == (form.B64 == nil) {
		return wrong
	}
	if form.Hex != nil {
		z.b, err = hex.DecodeString(*form.Hex)
	} else {
		z.b, err = base64.StdEncoding.Strict().DecodeString(*form.B64)
	}
	if err != nil {
		return wrong
	}
	return nil
}

// memberNames are the names of a file's objects, which package json takes in any case.
var memberNames = map[string][]string{
	"":            {"format", "kind", "comment", "notes", "setup", "cases"},
	"setup":       {"profile", "keys"},
	"cases":       {"id", "comment", "flags", "now_ms", "input", "expect", "want"},
	"cases.input": {"card", "wallet", "nonce", "nonce_signature", "auth_code", "token_ref", "session", "random", "fixed"},
	"cases.want":  {"result", "steps"},
}

// misCased returns the first name that a member has in another case; "" for none.
func misCased(v strictjson.Value, path string, names map[string][]string) string {
	known := names[path]
	if known == nil {
		return ""
	}
	if v.Kind == strictjson.Array {
		for _, item := range v.Items {
			if name := misCased(item, path, names); name != "" {
				return name
			}
		}
		return ""
	}
	if v.MisCased(known...) != "" {
		return v.MisCased(known...)
	}
	for _, m := range v.Members {
		if name := misCased(m.Value, strings.TrimPrefix(path+"."+m.Name, "."), names); name != "" {
			return name
		}
	}
	return ""
}

var caseID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func notVectors(format string, args ...any) error {
	return code.Wrap(ErrVectors, fmt.Sprintf(format, args...))
}

// parseVectors reads a file strictly. No error holds a value of it.
func parseVectors(data []byte) (*vectorFile, error) {
	if len(data) > MaxVectors {
		return nil, notVectors("larger than 8 MiB")
	}
	v, err := strictjson.Parse(data, strictjson.Limits{MaxBytes: MaxVectors, MaxDepth: 16, MaxValues: 1 << 20})
	if err != nil {
		return nil, notVectors("%v", err)
	}
	if name := misCased(v, "", memberNames); name != "" {
		return nil, notVectors("the member %q is written in another case", clip(name))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	f := &vectorFile{}
	if err := dec.Decode(f); err != nil {
		return nil, notVectors("line %d: %s", 1+bytes.Count(data[:min(int(dec.InputOffset()), len(data))], []byte("\n")), plainJSON(err))
	}
	switch {
	case f.Format != 1 || f.Kind != VectorKind:
		return nil, notVectors("it does not have format 1 and kind %s", VectorKind)
	case len(f.Cases) == 0 || len(f.Cases) > MaxCases:
		return nil, notVectors("it has not 1 to %d cases", MaxCases)
	}
	seen := map[string]bool{}
	for i := range f.Cases {
		c := &f.Cases[i]
		switch {
		case !caseID.MatchString(c.ID) || len(c.ID) > 128 || seen[c.ID]:
			return nil, notVectors("case %d has no id of a-z 0-9 -, or that of an earlier one", i+1)
		case (c.Expect == "ok") != (c.Want != nil) || !knownCode(c.Expect):
			return nil, notVectors("case %s: expect is ok with want, or the name of an error code without", c.ID)
		case c.Want != nil && c.Want.Result.b == nil:
			return nil, notVectors("case %s: want has no result", c.ID)
		}
		seen[c.ID] = true
	}
	return f, nil
}

func knownCode(name string) bool {
	for _, n := range code.All() {
		if n == name {
			return true
		}
	}
	return false
}

// plainJSON keeps what a JSON error says of names and drops what it quotes of values.
func plainJSON(err error) string {
	if e, ok := err.(*json.UnmarshalTypeError); ok {
		return fmt.Sprintf("member %q is of another type", e.Field)
	}
	return err.Error()
}

// inputs turns a case into what a format is built from.
func (c *vector) inputs() (Inputs, error) {
	in := Inputs{
		Nonce: c.Input.Nonce, NonceSignature: c.Input.NonceSignature,
		AuthCode: secret.NewText(c.Input.AuthCode), TokenRef: c.Input.TokenRef, Session: c.Input.Session,
	}
	var err error
	if c.Input.Card != nil {
		if in.Card, err = card.Parse(c.Input.Card); err != nil {
			return in, err
		}
	}
	if c.Input.Wallet != nil {
		in.Wallet, err = card.ParseWallet(c.Input.Wallet)
	}
	return in, err
}

// fixed hands out what a case names, in the place of randomness.
type fixed struct {
	c    *vector
	used map[string]bool
}

func (f *fixed) random(name string, r Random) ([]byte, error) {
	z, ok := f.c.Input.Random[name]
	if !ok {
		return nil, notVectors("case %s: input.random has no %s", f.c.ID, name)
	}
	if len(z.b) != r.Bytes {
		return nil, notVectors("case %s: input.random.%s has not %d bytes", f.c.ID, name, r.Bytes)
	}
	return slices.Clone(z.b), nil
}

func (f *fixed) opaque(step string) ([]byte, bool) {
	z, ok := f.c.Input.Fixed[step]
	if ok {
		f.used[step] = true
	}
	return slices.Clone(z.b), ok
}
