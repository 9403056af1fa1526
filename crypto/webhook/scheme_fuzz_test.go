package webhook_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// FuzzOpenRequest hands a preset any signature header, target and body beside what it
// needs. It refuses with one of the codes of a verifier, or the message is a genuine
// one: the fuzzer cannot sign.
func FuzzOpenRequest(f *testing.F) {
	all := trips(f)
	var names []string
	genuine := map[string][]byte{}
	for name, p := range all {
		names = append(names, name)
		signed, err := p.signer.Sign(p.request, p.id, at)
		if err != nil {
			f.Fatal(err)
		}
		genuine[name] = signed.Body
	}
	slices.Sort(names)
	for i, name := range names {
		p := all[name]
		signed, err := p.signer.Sign(p.request, p.id, at)
		if err != nil {
			f.Fatal(err)
		}
		value := func(header string) string {
			if v := webhook.HeaderValues(signed.Header, header); len(v) > 0 {
				return v[0]
			}
			return ""
		}
		first := p.verifier.Header()
		if first == "" {
			first = "Signature"
		}
		f.Add(uint8(i), value(first), value("Signature-Input"), value("webhook-timestamp"), signed.Target, signed.Body)
	}
	f.Fuzz(func(t *testing.T, which uint8, signature, input, timestamp, target string, body []byte) {
		name := names[int(which)%len(names)]
		v := all[name].verifier
		h := map[string][]string{
			"Host": {"hooks.example"}, "X-Endpoint": {"/hooks/in"}, "X-Login": {"login"}, "V-C-Merchant-Id": {"m"}, "X-Api-Key": {"key-1"}, "X-Timestamp": {timestamp},
			"X-Date": {timestamp}, "V-C-Date": {timestamp}, "Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {timestamp}, "Content-Digest": {input}, "Digest": {input},
			"Signature": {signature}, "Signature-Input": {input},
		}
		if v.Header() != "" {
			h[v.Header()] = []string{signature}
		}
		m, err := v.OpenRequest(webhook.Request{Method: "POST", Target: target, Header: h, Body: body}, at)
		if err != nil {
			if _, ok := err.(*webhook.Error); !ok || m != nil || code.Of(err) < code.TooLarge || code.Of(err) > code.BodyHash {
				t.Fatalf("%s: foreign error %T: %v", name, err, err)
			}
			return
		}
		if v.Coverage() == webhook.CoversBody && !bytes.Equal(body, genuine[name]) {
			t.Fatalf("%s: a body that nobody signed opens", name)
		}
		if _, err := strictjson.Parse(m.ClaimsJSON(), strictjson.Limits{}); err != nil {
			t.Fatalf("%s: claims are not strict JSON: %v", name, err)
		}
	})
}

// FuzzSign signs what it is given: what Sign makes of any request, Open takes, with
// the same body, id and instant.
func FuzzSign(f *testing.F) {
	all := trips(f)
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range names {
		f.Add(uint8(i), "POST", "/a/b?c=d", "msg_1", []byte("{}"), int64(1795428000))
	}
	f.Add(uint8(22), "GET", "/", "", []byte("a=b&c=%41+"), int64(0))
	f.Fuzz(func(t *testing.T, which uint8, method, target, id string, body []byte, seconds int64) {
		name := names[int(which)%len(names)]
		p := all[name]
		r := p.request
		r.Method, r.Target = method, target
		if name != "adyen" {
			r.Body = body
		}
		now := time.Unix(seconds, 0)
		signed, err := p.signer.Sign(r, id, now)
		if err != nil {
			return
		}
		m, err := p.verifier.OpenRequest(signed, now)
		if err != nil {
			t.Fatalf("%s: what was signed does not open: %v", name, err)
		}
		if !bytes.Equal(m.Body(), signed.Body) || !m.IssuedAt().IsZero() && m.IssuedAt().Unix() != seconds {
			t.Fatalf("%s: %v", name, m.IssuedAt())
		}
	})
}
