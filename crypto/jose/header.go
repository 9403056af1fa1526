package jose

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
)

// known are the registered header names of RFC 7515, 7516, 7518 and 7797: one that
// is written in another case means a sender and a reader that see different headers.
var known = []string{
	"alg", "kid", "typ", "cty", "crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256",
	"enc", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c",
}

// protected is a header that was read. Of a JWS only alg, kid, typ and cty are looked at.
type protected struct {
	alg, enc, keyID, typ, cty string
	iv, tag, apu, apv         string // base64url, not yet decoded
	crv, x, y                 string // of epk
}

func (p *protected) text(name string, sealed bool) *string {
	switch name {
	case "alg":
		return &p.alg
	case "kid":
		return &p.keyID
	case "typ":
		return &p.typ
	case "cty":
		return &p.cty
	}
	if !sealed {
		return nil
	}
	switch name {
	case "enc":
		return &p.enc
	case "iv":
		return &p.iv
	case "tag":
		return &p.tag
	case "apu":
		return &p.apu
	case "apv":
		return &p.apv
	}
	return nil
}

// read takes what we need from a header's JSON; sealed says that it is a JWE's.
func (p *protected) read(data []byte, sealed bool) error {
	doc, err := strictjson.Read(data, strictjson.Limits{MaxBytes: maxHeaderBytes, MaxDepth: maxHeaderDepth, MaxValues: maxHeaderValues})
	if err != nil {
		return malformed("header is not a strict JSON object")
	}
	defer doc.Release()
	h := doc.Root()
	if h.Kind() != strictjson.Object {
		return malformed("header is not a strict JSON object")
	}
	if h.MisCased(known) {
		return malformed("header has a registered name in another case")
	}
	if !finite(h) {
		return malformed("header has a number that not every reader can hold")
	}
	for m, ok := h.First(); ok; m, ok = m.Next(h) {
		name := m.Name()
		switch name {
		case "crit", "b64", "zip":
			return malformed("header has " + name)
		case "epk":
			if err := p.ephemeral(m, sealed); err != nil {
				return err
			}
		}
		if text := p.text(name, sealed); text == nil {
			continue
		} else if m.Kind() != strictjson.String {
			return malformed("header " + name + " is not a string")
		} else {
			*text = m.Str()
		}
	}
	return nil
}

// finite reports whether all numbers in v fit 64 bits: of one that does not, another
// reader makes something else, or nothing.
func finite(v strictjson.Cursor) bool {
	if v.Kind() == strictjson.Number {
		_, err := strconv.ParseFloat(v.Str(), 64)
		return err == nil
	}
	for c, ok := v.First(); ok; c, ok = c.Next(v) {
		if !finite(c) {
			return false
		}
	}
	return true
}

// ephemeral reads the sender's ephemeral public key, the one key that a header may
// bring: it is an input of ECDH-ES, and proves nothing.
func (p *protected) ephemeral(epk strictjson.Cursor, sealed bool) error {
	if !sealed {
		return nil
	}
	if epk.Kind() != strictjson.Object || epk.MisCased([]string{"kty", "crv", "x", "y", "d"}) {
		return malformed("header epk is not a public key")
	}
	if _, private := epk.Get("d"); private {
		return malformed("header epk is a private key")
	}
	kty := ""
	for name, to := range map[string]*string{"kty": &kty, "crv": &p.crv, "x": &p.x, "y": &p.y} {
		v, ok := epk.Get(name)
		if ok && v.Kind() != strictjson.String {
			return malformed("header epk is not a public key")
		}
		*to = v.Str()
	}
	if okp := p.crv == "X25519"; okp != (kty == "OKP") || !okp && kty != "EC" {
		return malformed("header epk has a kty that does not fit its curve")
	}
	return nil
}

// Header is what Sign and Seal write into a token, in this order. Members that the
// algorithm fills (alg, and for a JWE enc, epk, iv, tag) are written by Sign and
// Seal: put Here where the counterpart wants one; otherwise alg and enc come first,
// the others last.
//
// A name stands once, whatever its case. crit, b64, zip, p2s, p2c and members that
// carry or point at keys (jwk, jku, x5u, x5c) cannot be written. Everything in a
// header can be read by everybody.
type Header []Param

// Param is one member of a Header; Text, Int and Here make one.
type Param struct {
	name, text string
	data       *[]byte // of paramBase64
	number     int64
	kind       paramKind
}

type paramKind uint8

const (
	paramNone paramKind = iota
	paramText
	paramInt
	paramHere
	paramRaw    // a JSON text of our own
	paramBase64 // bytes that are written in base64url
	paramVarying
)

// Text is a member whose value is a string, in UTF-8. A kid is written exactly so.
func Text(name, value string) Param { return Param{name: name, text: value, kind: paramText} }

// Int is a member whose value is an integer: iat, say.
func Int(name string, value int64) Param { return Param{name: name, number: value, kind: paramInt} }

// Here is the place of a member that the algorithm fills: alg, enc, epk, iv, tag.
func Here(name string) Param { return Param{name: name, kind: paramHere} }

// nameKind says what a header's member of that exact name is.
type nameKind uint8

const (
	nameOther      nameKind = iota
	nameRegistered          // a string that the caller may write
	nameFilled              // written by Sign and Seal alone
	nameForbidden           // what no token of ours carries
)

func kindOfName(name string) nameKind {
	switch name {
	case "kid", "typ", "cty", "x5t", "x5t#S256", "apu", "apv":
		return nameRegistered
	case "alg", "enc", "epk", "iv", "tag":
		return nameFilled
	case "crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "p2s", "p2c":
		return nameForbidden
	}
	return nameOther
}

// encode appends the header with the members that the algorithm fills.
func (h Header) encode(dst []byte, own []Param) ([]byte, error) {
	if err := h.check(own); err != nil {
		return nil, err
	}
	return h.write(dst, own)
}

func (h Header) write(dst []byte, own []Param) ([]byte, error) {
	w := canon.NewWriter(dst).Object()
	h.writeUnplaced(w, own, true)
	for i := range h {
		p := &h[i]
		if p.kind == paramHere {
			p = find(own, p.name)
		}
		p.write(w)
	}
	h.writeUnplaced(w, own, false)
	data := w.EndObject().Bytes()
	if len(data) > maxHeaderBytes {
		return nil, &Error{ErrHeader, "it is longer than 16 KiB"}
	}
	return data, nil
}

// writeUnplaced writes those of own for which no Here stands: alg and enc, or the others.
func (h Header) writeUnplaced(w *canon.Writer, own []Param, algorithms bool) {
	for i := range own {
		p := &own[i]
		if (p.name == "alg" || p.name == "enc") == algorithms && find(h, p.name) == nil {
			p.write(w)
		}
	}
}

func find(list []Param, name string) *Param {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}

func (p *Param) write(w *canon.Writer) {
	w.Key(p.name)
	switch p.kind {
	case paramInt:
		w.Int(p.number)
	case paramRaw:
		w.Raw([]byte(p.text))
	case paramBase64:
		w.Append(func(b []byte) []byte { return append(b64.AppendEncode(append(b, '"'), *p.data), '"') })
	default:
		w.String(p.text)
	}
}

func (h Header) check(own []Param) error {
	bad := func(detail string) error { return &Error{ErrHeader, detail} }
	if len(h) > maxHeaderMembers {
		return bad("it has more than 32 members")
	}
	plain := h.plain()
	for i := range h {
		p := &h[i]
		if p.kind == paramNone || p.kind == paramRaw || p.kind == paramVarying {
			return bad("a member was not made by Text, Int or Here")
		}
		if p.name == "" || !utf8.ValidString(p.name) || !utf8.ValidString(p.text) {
			return bad("a member has no name, or is not UTF-8")
		}
		for k := range h[:i] {
			if sameName(h[k].name, p.name, plain) {
				return bad("a name stands twice")
			}
		}
		switch kind := kindOfName(p.name); {
		case kind == nameForbidden:
			return bad(p.name + " cannot be written")
		case kind == nameFilled && p.kind != paramHere:
			return bad(p.name + " is written by the algorithm")
		case p.kind == paramHere && find(own, p.name) == nil:
			return bad("this algorithm does not fill a member for which Here stands")
		case kind == nameRegistered && p.kind == paramInt:
			return bad(p.name + " is not a string")
		case p.name == "kid" && (p.text == "" || len(p.text) > MaxKeyIDBytes):
			return bad("kid is empty or longer than 256 bytes")
		case kind == nameOther && slices.ContainsFunc(known, func(k string) bool { return sameName(k, p.name, plain) }):
			return bad("a registered name is written in another case")
		}
	}
	return nil
}

// sameName is strings.EqualFold; plain says that both are ASCII, of which most pairs are
// told apart by their lengths and first letters.
func sameName(a, b string, plain bool) bool {
	if plain && (len(a) != len(b) || a != "" && (a[0]^b[0])&^0x20 != 0) {
		return false
	}
	return strings.EqualFold(a, b)
}

// plain reports whether all names are ASCII: in others a letter can fold into one of
// another length, the Kelvin sign into a k.
func (h Header) plain() bool {
	for i := range h {
		for _, c := range []byte(h[i].name) {
			if c >= utf8.RuneSelf {
				return false
			}
		}
	}
	return true
}
