package enginetest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine/enginetest"
)

func TestSenderSignsWhatAVerifierOpens(t *testing.T) {
	now := enginetest.Now()
	s, err := enginetest.NewPismoSender(now)
	if err != nil {
		t.Fatal(err)
	}
	keys, warnings, err := source.ParseX509Map(s.X509Map())
	if err != nil || len(warnings) > 0 || len(keys) != 1 {
		t.Fatal(keys, warnings, err)
	}
	for name, key := range map[string]keyring.Key{"certificate": keys[0], "key": s.Key()} {
		ring, err := keyring.NewRing(key)
		if err != nil {
			t.Fatal(err)
		}
		v, err := webhook.NewPismo(webhook.PismoOptions{Keys: ring, Accounts: []string{enginetest.PismoAccount}})
		if err != nil {
			t.Fatal(err)
		}
		body := []byte(`{"a":1}`)
		req, err := s.Request(context.Background(), "http://127.0.0.1/", body, now, nil)
		if err != nil {
			t.Fatal(err)
		}
		sent, _ := io.ReadAll(req.Body)
		m, err := v.Open(req.Header, sent, now)
		if err != nil || !bytes.Equal(m.Body(), body) {
			t.Fatalf("%s: %v", name, err)
		}
		for change, want := range map[string]error{"iss": webhook.ErrClaims, "iat": webhook.ErrClaims, "account-id": webhook.ErrClaims} {
			h := map[string][]string{"X-Pismo-Sign": {s.Sign(body, now, enginetest.Claims{change: nil})}}
			if _, err := v.Open(h, body, now); !errors.Is(err, want) {
				t.Errorf("without %s: %v", change, err)
			}
		}
	}
}

func TestEventsAreNewEachTime(t *testing.T) {
	a := enginetest.With(enginetest.CleanPush(), "card.status", "lost", "device.ref", nil)
	if a.Text("card.status") != "lost" || a.Has("device.ref") {
		t.Error("With changes nothing")
	}
	if b := enginetest.CleanPush(); b.Text("card.status") != "normal" || !b.Has("device.ref") {
		t.Error("an event is shared")
	}
	if enginetest.CleanMerchant().Text("token.channel") != "merchant" {
		t.Error("the merchant's token is none")
	}
}

func TestClockMovesOnlyWhenTold(t *testing.T) {
	c := enginetest.NewClock(enginetest.Now())
	if !c.Now().Equal(enginetest.Now()) || !c.Advance(time.Minute).Equal(c.Now()) || c.Now().Sub(enginetest.Now()) != time.Minute {
		t.Error("the clock is wrong")
	}
}
