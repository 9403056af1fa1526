package wasmtest

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/wasm/abi"
)

// conditions decides the events of conditions.json: each condition is a yellow rule in a
// pack of its own, which is green otherwise.
func (l *list) conditions() {
	l.tb.Helper()
	const name = "conditions.json"
	f := vectorfile.Load(l.tb, vectors+name)
	var setup struct {
		Fields map[string]string `json:"fields"`
	}
	vectorfile.Into(l.tb, f.Setup, &setup)
	var fields []string
	for _, field := range slices.Sorted(maps.Keys(setup.Fields)) {
		fields = append(fields, fmt.Sprintf("{name: %s, type: %s}", field, setup.Fields[field]))
	}
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			When  string          `json:"when"`
			Event json.RawMessage `json:"event"`
		}
		var want struct {
			Truth string `json:"truth"`
			Code  string `json:"code"`
		}
		vectorfile.Into(l.tb, c.Input, &in)
		vectorfile.Into(l.tb, c.Want, &want)
		pack, err := compile.FS(fstest.MapFS{
			"pack.yaml":    {Data: []byte("name: v\nversion: \"1\"\ndefault: green\nschema: {name: v, version: 1, fields: [" + strings.Join(fields, ", ") + "]}\n")},
			"rules/r.yaml": {Data: []byte("- id: R1\n  effect: yellow\n  when: " + quote(in.When) + "\n  why: a vector\n")},
		}, compile.Options{})
		if err != nil {
			l.tb.Fatalf("%s: %v", c.ID, err)
		}
		id := name + "/" + c.ID
		encoded := pack.Encode()
		if l.flavour != Full && l.notLowered(id, encoded) {
			continue
		}
		var h handle
		l.must(id, abi.ExportLoad, encoded, &h)
		var decision struct {
			Outcome string `json:"outcome"`
		}
		l.must(id, abi.ExportDecide, fmt.Appendf(nil, `{"now_ms":%d,"event":%s}`, int64(abi.BuiltMs), in.Event), &decision, h.Handle)
		outcome := map[string]string{"true": "yellow", "error": "yellow", "false": "green", "unknown": "green"}[want.Truth]
		if decision.Outcome != outcome {
			l.tb.Errorf("%s: %s, want %s", id, decision.Outcome, outcome)
		}
		l.must(id, abi.ExportDrop, nil, nil, h.Handle)
	}
}

// codec answers the bodies of pismo_codec.json, signed with a test key; there is a ring
// for each configuration of the codec.
func (l *list) codec() {
	l.tb.Helper()
	const name = "pismo_codec.json"
	f := vectorfile.Load(l.tb, vectors+name)
	var setup struct {
		Account   string `json:"account"`
		Iat       int64  `json:"iat"`
		RefKeyID  string `json:"ref_key_id"`
		RefKeyB64 string `json:"ref_key_b64"`
	}
	vectorfile.Into(l.tb, f.Setup, &setup)
	pack, rings := l.pack(), map[string]uint32{}
	for i := range f.Cases {
		c := &f.Cases[i]
		var in struct {
			Body    string                     `json:"body"`
			Account string                     `json:"account"`
			Config  map[string]json.RawMessage `json:"config"`
		}
		vectorfile.Into(l.tb, c.Input, &in)
		if in.Account == "" {
			in.Account = setup.Account
		}
		config, id := quote(in.Config), name+"/"+c.ID
		if rings[config] == 0 {
			rings[config] = l.ring(id, string(pismoRing(l.tb, `{"unsafe_any_account":true}`, in.Config)))
		}
		reply := l.arrive(id, abi.ExportAnswer, enginetest.Now().UnixMilli(), pismoRequest(l.tb, in.Account, []byte(in.Body)), pack, rings[config])
		l.expect(id, abi.BuiltMs, reply, c.Expect)
	}
	for _, config := range slices.Sorted(maps.Keys(rings)) {
		l.must(name, abi.ExportDrop, nil, nil, rings[config])
	}
	l.must(name, abi.ExportDrop, nil, nil, pack)
}

// notLowered adds the refusal of a pack that the flavour cannot load.
func (l *list) notLowered(id string, pack []byte) bool {
	reply := l.call(id, abi.ExportLoad, pack)
	if Code(reply) == uint32(code.NotLowered) {
		return true
	}
	if Code(reply) == 0 {
		var h handle
		if err := json.Unmarshal(reply[abi.CodeBytes:], &h); err != nil {
			l.tb.Fatal(err)
		}
		l.must(id, abi.ExportDrop, nil, nil, h.Handle)
	}
	return false
}

// pismoRing is a ring document with the public half of the key that PismoRequest signs
// with, settings of the scheme, and what answers need.
func pismoRing(tb testing.TB, settings string, config map[string]json.RawMessage) []byte {
	pub := testkey.RSA(tb, "rsa2048-a").PublicKey
	b := fmt.Appendf(nil, `{"format":1,"keys":[{"kid":"k1","kty":"RSA","use":"sig","alg":"RS256","n":%q,"e":"AQAB"}],"schemes":{"pismo":%s},`+
		`"pismo":{"ref_key":{"id":"t1","secret_b64":%q},"sms":{"source":"issuer"}`,
		base64.RawURLEncoding.EncodeToString(pub.N.Bytes()), settings, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
	for _, member := range slices.Sorted(maps.Keys(config)) {
		b = fmt.Appendf(b, `,%q:%s`, member, config[member])
	}
	return append(b, "}}"...)
}

// PismoRing is a ring document for what PismoRequest signs for enginetest.PismoAccount.
func PismoRing(tb testing.TB) []byte {
	return pismoRing(tb, fmt.Sprintf(`{"accounts":[%q]}`, enginetest.PismoAccount), nil)
}

// PismoRequest is an input of open and answer, as JSON and as a frame: the body as Pismo
// signs and sends it at enginetest.Now. The key is fixed, so that equal bodies give equal
// inputs.
func PismoRequest(tb testing.TB, account string, body []byte) (json, frame []byte) {
	tb.Helper()
	r, now := pismoRequest(tb, account, body), enginetest.Now().UnixMilli()
	return r.input(now), r.frame(tb, now)
}

func pismoRequest(tb testing.TB, account string, body []byte) *request {
	tb.Helper()
	now := enginetest.Now()
	b64 := base64.RawURLEncoding.EncodeToString
	hash := sha256.Sum256(body)
	signed := b64([]byte(`{"alg":"RS256","kid":"k1","typ":"JWT"}`)) + "." + b64(fmt.Appendf(nil,
		`{"account-id":%q,"body-hash":%q,"exp":%d,"iat":%d,"iss":"api.pismo.io","sub":"api-cards-tokenization"}`,
		account, base64.StdEncoding.EncodeToString(hash[:]), now.Unix()+600, now.Unix()))
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(nil, testkey.RSA(tb, "rsa2048-a"), crypto.SHA256, sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	return &request{Scheme: "pismo", Method: "POST", Path: "/", BodyB64: base64.StdEncoding.EncodeToString(body),
		Headers: map[string][]string{"X-Pismo-Sign": {signed + "." + b64(sig)}, "Content-Type": {"application/json"}}}
}
