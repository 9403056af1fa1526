package engine_test

import (
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
)

// schemeRig is a rig whose gate takes another scheme, and what signs for it.
func schemeRig(t *testing.T, name string, change func(*engine.GateOptions)) (*rig, func(r webhook.Request) engine.Arrival) {
	t.Helper()
	s, found := webhook.Preset(name)
	if !found {
		t.Fatal(name)
	}
	key := secret.NewBytes([]byte("a webhook secret of many bytes"))
	ring, err := keyring.NewRing(keyring.Key{ID: "k", Use: keyring.UseVerify, Secret: key})
	ok(t, ring, err)
	v, err := webhook.New(webhook.Options{Scheme: s, Keys: ring})
	ok(t, v, err)
	signer, err := webhook.NewSigner(webhook.SignerOptions{Scheme: s, KeyID: "k", Secret: key})
	ok(t, signer, err)
	// A scheme without a timestamp is remembered for the longest age there is.
	memory, err := engine.NewMemory(engine.MemoryOptions{Keep: v.MaxAge() + 2*v.Skew()})
	ok(t, memory, err)
	r := newRig(t, func(o *engine.GateOptions) {
		o.Verifier, o.Memory = v, memory
		if change != nil {
			change(o)
		}
	})
	return r, func(req webhook.Request) engine.Arrival {
		signed, err := signer.Sign(req, "", r.now)
		ok(t, signed, err)
		return engine.Arrival{Method: signed.Method, Target: signed.Target, Host: signed.Host, Header: signed.Header, Body: signed.Body, Now: r.now}
	}
}

func TestGateTakesSchemesThatSignMethodTargetAndHost(t *testing.T) {
	for _, name := range []string{"x-pay-token", "rfc9421"} {
		r, sign := schemeRig(t, name, nil)
		a := sign(webhook.Request{Method: "POST", Target: "/v1/hooks/in?a=b", Host: "hooks.example", Body: []byte("ok a")})
		other := a
		other.Target = "/v1/hooks/out?a=b"
		r.want(name+", another target", other, 401, flat401, "signature")
		r.want(name, a, 200, "yellow a", "")
		r.want(name+", again", a, 200, "yellow a", "repeat")
		if rec := r.seen[1]; !rec.Verified || rec.Age != 0 || rec.KeyID != "k" {
			t.Errorf("%s: %+v", name, rec)
		}
	}
}

// TestGateRemembersMessagesWithoutATimestamp: what tells no instant is refused by a
// memory that began with the process, and else kept from when it came.
func TestGateRemembersMessagesWithoutATimestamp(t *testing.T) {
	r, sign := schemeRig(t, "github", nil)
	r.want("with a start", sign(webhook.Request{Body: []byte("ok a")}), 401, flat401, "stale")

	r, sign = schemeRig(t, "github", func(o *engine.GateOptions) { o.StartedAt, o.UnsafeNoStart = time.Time{}, true })
	a := sign(webhook.Request{Body: []byte("ok a")})
	r.want("first", a, 200, "yellow a", "")
	if r.last().Age != 0 {
		t.Errorf("age %v of a message that tells none", r.last().Age)
	}
	a.Now = r.now.Add(23 * time.Hour)
	r.want("a day later", a, 401, flat401, "replayed")
}
