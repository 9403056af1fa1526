package webhook_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/testkey"
)

// A verifier of a preset, and the sending side for a test of one's own service.
func ExampleNew() {
	stripe, _ := webhook.Preset("stripe")
	key := secret.NewBytes([]byte("whsec_the_endpoint_secret_as_it_is"))
	ring, err := keyring.NewRing(keyring.Key{ID: "endpoint-1", Use: keyring.UseVerify, Secret: key})
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := webhook.New(webhook.Options{Scheme: stripe, Keys: ring})
	if err != nil {
		fmt.Println(err)
		return
	}
	sender, err := webhook.NewSigner(webhook.SignerOptions{Scheme: stripe, Secret: key})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Unix(1795428000, 0)
	r, err := sender.Sign(webhook.Request{Method: "POST", Target: "/hooks", Body: []byte(`{"id":"evt_1"}`)}, "", now)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := v.OpenRequest(r, now.Add(time.Minute))
	fmt.Println(m.KeyID(), m.Coverage(), string(m.ClaimsJSON()), err)
	_, err = v.OpenRequest(r, now.Add(time.Hour))
	fmt.Println(err)
	// Output:
	// endpoint-1 body {"timestamp":1795428000} <nil>
	// webhook: message is not of this time: timestamp is too long ago
}

// trip is a preset with what signs for it.
type trip struct {
	signer   *webhook.Signer
	verifier *webhook.Verifier
	request  webhook.Request // not signed
	id       string
}

const itemBody = `{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":""},"pspReference":"P1","originalReference":"","merchantAccountCode":"M","merchantReference":"ref","amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true"}}]}`

// trips makes both sides of every preset.
func trips(tb testing.TB) map[string]trip {
	tb.Helper()
	all := map[string]trip{}
	for _, s := range webhook.Presets() {
		so := webhook.SignerOptions{Scheme: s, KeyID: "key-1"}
		key := keyring.Key{ID: "key-1", Use: keyring.UseVerify}
		switch s.Algorithm {
		case webhook.Ed25519, webhook.ByKey:
			private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
			so.Key, key.Public = held(tb, private), private.Public()
		case webhook.RSAPKCS1SHA256, "RS256":
			private := testkey.RSA(tb, "rsa2048-a")
			so.Key, key.Public = held(tb, private), &private.PublicKey
		default:
			so.Secret = secret.NewBytes([]byte("a secret of more than thirty-two bytes"))
			key.Secret = so.Secret
		}
		r := webhook.Request{Method: "POST", Target: "/hooks/in?a=b&c=d", Body: []byte(`{"id":"evt_1","amount":100}`), Header: map[string][]string{
			"Host": {"hooks.example"}, "X-Endpoint": {"/hooks/in"}, "X-Login": {"login"}, "V-C-Merchant-Id": {"m"}, "Content-Type": {"application/json"},
		}}
		t := trip{request: r}
		if s.ID != "" {
			t.id = "msg_1"
		}
		switch s.Name {
		case "adyen":
			t.request.Body = []byte(itemBody)
		case "trust-payments":
			t.request.Body = []byte("transactionreference=2-44-66&errorcode=0&notificationreference=1&empty=")
		case webhook.PismoScheme:
			so.Claims = map[string]string{"sub": webhook.PismoSubject, "account-id": account}
		}
		ring, err := keyring.NewRing(key)
		if err != nil {
			tb.Fatal(err)
		}
		if t.signer, err = webhook.NewSigner(so); err != nil {
			tb.Fatalf("%s: %v", s.Name, err)
		}
		if s.Name == webhook.PismoScheme {
			t.verifier, err = webhook.NewPismo(webhook.PismoOptions{Keys: ring, Accounts: []string{account}})
			if err != nil {
				tb.Fatal(err)
			}
		} else {
			t.verifier = schemeVerifier(tb, s.Name, ring)
		}
		all[s.Name] = t
	}
	return all
}

func held(tb testing.TB, key any) keyring.Private {
	tb.Helper()
	p, err := keyring.NewPrivate(key)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestSignedMessagesOpen is the round trip of every preset.
func TestSignedMessagesOpen(t *testing.T) {
	for name, p := range trips(t) {
		before := fmt.Sprint(p.request)
		signed, err := p.signer.Sign(p.request, p.id, at)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if fmt.Sprint(p.request) != before {
			t.Errorf("%s: Sign changed the request that it was given", name)
		}
		m, err := p.verifier.OpenRequest(signed, at)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s, _ := webhook.Preset(name)
		if m.KeyID() != "key-1" || m.Scheme() != name || m.Coverage() != s.Coverage() || p.verifier.Coverage() != s.Coverage() || !bytes.Equal(m.Body(), signed.Body) {
			t.Errorf("%s: %q, %q, %v", name, m.KeyID(), m.Scheme(), m.Coverage())
		}
		if _, err := strictjson.Parse(m.ClaimsJSON(), strictjson.Limits{}); err != nil {
			t.Errorf("%s: claims: %v", name, err)
		}
		if timed := !m.IssuedAt().IsZero(); timed && !m.IssuedAt().Equal(at) || timed != (p.verifier.MaxAge() < webhook.MaxMaxAge) {
			t.Errorf("%s: issued at %v, max age %v", name, m.IssuedAt(), p.verifier.MaxAge())
		}
		if !strings.HasPrefix(m.ReplayKey(), name+":") {
			t.Errorf("%s: replay key %s", name, m.ReplayKey())
		}
	}
}

// TestUncoveredBodiesAreToldAndTakenOnDemandAlone: Galileo and Thredd.
func TestUncoveredBodiesAreToldAndTakenOnDemandAlone(t *testing.T) {
	var uncovered []string
	ring, err := keyring.NewRing(good256("k"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range webhook.Presets() {
		if s.Coverage() != webhook.CoversNothing {
			continue
		}
		uncovered = append(uncovered, s.Name)
		if !strings.Contains(s.Title, "body not covered") {
			t.Errorf("%s: the title does not say that the body is not covered", s.Name)
		}
		if _, err := webhook.New(webhook.Options{Scheme: s, Keys: ring}); !errors.Is(err, webhook.ErrOptions) || !strings.Contains(err.Error(), "UnsafeUncoveredBody") {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if !slices.Equal(uncovered, []string{"galileo", "thredd"}) {
		t.Errorf("uncovered: %v", uncovered)
	}
	for name, p := range trips(t) {
		signed, err := p.signer.Sign(p.request, p.id, at)
		if err != nil {
			t.Fatal(err)
		}
		signed.Body = append(bytes.Clone(signed.Body), ' ')
		m, err := p.verifier.OpenRequest(signed, at)
		if covered := err != nil; covered != (p.verifier.Coverage() != webhook.CoversNothing) && name != "adyen" {
			t.Errorf("%s: another body: %v", name, err)
		}
		if err == nil && name != "adyen" && m.Coverage() != webhook.CoversNothing {
			t.Errorf("%s: the message says that it covers %v", name, m.Coverage())
		}
	}
}

func good256(id string) keyring.Key {
	return keyring.Key{ID: id, Use: keyring.UseVerify, Secret: secret.NewBytes(bytes.Repeat([]byte(id), 32))}
}

// TestTenThousandMutationsAreRefusedOrTheSameMessage changes what was signed in every
// way that costs a stranger nothing. What still opens must be the same message: the
// same replay key, the same claims, the same covered bytes.
func TestTenThousandMutationsAreRefusedOrTheSameMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand mutations of every preset")
	}
	least := 10_000
	if underRace {
		least = 500 // it slows each of them twentyfold
	}
	for name, p := range trips(t) {
		signed, err := p.signer.Sign(p.request, p.id, at)
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.verifier.OpenRequest(signed, at)
		if err != nil {
			t.Fatal(err)
		}
		tried, opened := 0, 0
		try := func(r webhook.Request, what string) {
			tried++
			m, err := p.verifier.OpenRequest(r, at)
			if err != nil {
				if e, ok := err.(*webhook.Error); !ok || code.Of(err) < code.TooLarge || code.Of(err) > code.BodyHash || strings.Contains(e.Error(), "evt_1") {
					t.Fatalf("%s: %s: foreign error %T %v", name, what, err, err)
				}
				return
			}
			opened++
			same := m.KeyID() == want.KeyID() && bytes.Equal(m.ClaimsJSON(), want.ClaimsJSON())
			switch p.verifier.Coverage() {
			case webhook.CoversBody:
				same = same && bytes.Equal(m.Body(), want.Body()) && m.ReplayKey() == want.ReplayKey()
			case webhook.CoversFields:
				same = same && m.ReplayKey() == want.ReplayKey()
			}
			if !same {
				t.Fatalf("%s: %s: another message opens: %q %q", name, what, m.Body(), m.ClaimsJSON())
			}
		}
		mutate(signed, p.verifier, least, try)
		t.Logf("%s: %d of %d mutations are the same message", name, opened, tried)
		if tried < least {
			t.Errorf("%s: only %d mutations", name, tried)
		}
		if opened > tried/10 && p.verifier.Coverage() == webhook.CoversBody {
			t.Errorf("%s: %d of %d mutations open: they do not mutate what is signed", name, opened, tried)
		}
	}
}

// mutate calls try with changes of what the verifier reads: headers without which the
// message is refused, the target where it is, the body. At least so many.
func mutate(signed webhook.Request, v *webhook.Verifier, least int, try func(r webhook.Request, what string)) {
	with := func(name, value string) webhook.Request {
		r := signed
		r.Header = maps.Clone(signed.Header)
		r.Header[name] = []string{value}
		return r
	}
	refused := func(change func(r *webhook.Request)) bool {
		r := signed
		r.Header = maps.Clone(signed.Header)
		change(&r)
		_, err := v.OpenRequest(r, at)
		return err != nil
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(signed.Header)), func(name string) bool {
		return !refused(func(r *webhook.Request) { delete(r.Header, name) })
	})
	readsTarget := refused(func(r *webhook.Request) { r.Target = "" })
	for _, name := range names {
		value := signed.Header[name][0]
		r := with(name, value)
		r.Header[name] = []string{value, value}
		try(r, name+" twice")
		r = with(name, value)
		r.Header[swapCase(name)] = []string{value}
		try(r, name+" in upper case too")
		r = with(name, value)
		delete(r.Header, name)
		try(r, name+" taken away")
		r.Header[swapCase(name)] = []string{value}
		try(r, name+" in another case")
		for _, v := range []string{"", " " + value, value + " ", value + ",", "," + value, value + "," + value, value + " " + value, value + "\n", value + "\x00", value + ";x=1", strings.ToUpper(value), strings.ToLower(value), value + "=", strings.TrimRight(value, "="), "Bearer " + value, strings.ReplaceAll(value, "+", "-")} {
			try(with(name, v), name+" = "+v)
		}
	}
	for _, target := range []string{"", "/", "/hooks/in", signed.Target + "&x=y", "//hooks/in?a=b", signed.Target + "#f", "hooks", "/hooks/in?c=d&a=b"} {
		r := signed
		r.Target = target
		try(r, "target "+target)
	}
	seed := uint32(1)
	random := func(n int) int {
		seed = seed*1664525 + 1013904223
		return int(seed>>8) % n
	}
	text := func(s string) string {
		b := []byte(s)
		switch i := random(len(b)); random(6) {
		case 0, 1:
			b[i] ^= 1 << random(8)
		case 2:
			b = b[:i]
		case 3:
			b = slices.Delete(b, i, i+1)
		case 4:
			b = slices.Insert(b, i, b[random(len(b))])
		case 5:
			j := random(len(b))
			b[i], b[j] = b[j], b[i]
		}
		return string(b)
	}
	for range least {
		r := signed
		switch pick := random(4); {
		case pick == 0 && readsTarget:
			r.Target = text(signed.Target)
			try(r, "target "+r.Target)
		case pick < 2 || len(names) == 0:
			if r.Body = []byte(text(string(signed.Body))); random(8) == 0 {
				r.Body = append(bytes.Clone(signed.Body), byte(random(256)))
			}
			try(r, "body")
		default:
			name := names[random(len(names))]
			v := text(signed.Header[name][0])
			try(with(name, v), name+" = "+v)
		}
	}
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 32
		}
		if r >= 'A' && r <= 'Z' {
			return r + 32
		}
		return r
	}, s)
}
