package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// gate answers Pismo's webhooks over a store.
func gate(t *testing.T, sender *enginetest.PismoSender, l engine.Ledger) *engine.Gate {
	t.Helper()
	ring, err := keyring.NewRing(sender.Key())
	must(t, ring, err)
	v, err := webhook.NewPismo(webhook.PismoOptions{Keys: ring, Accounts: []string{enginetest.PismoAccount}})
	must(t, v, err)
	key, err := secret.NewRefKey("t1", make([]byte, 32))
	must(t, key, err)
	codec, err := pismo.New(pismo.Config{RefKey: key, SMS: &pismo.SMS{}, Call: &pismo.Call{Number: "+551130039500"}})
	must(t, codec, err)
	pack, err := starter.Pack()
	must(t, pack, err)
	e, err := engine.New(pack, engine.Options{Methods: codec.Methods()})
	must(t, e, err)
	g, err := engine.NewGate(engine.GateOptions{Verifier: v, Codec: codec, Engine: e, Ledger: l})
	return must(t, g, err)
}

const webhookBody = `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"412345","status":"normal","stage":"unblocked"},` +
	`"token_id":%d,"network_brand":"vts","custom_codes":[],"original_network_data":{"tokenInfo":{"tokenType":"HCE"}}}`

func play(g *engine.Gate, token, body string, now time.Time) (engine.Reply, error) {
	a := engine.Arrival{Header: map[string][]string{"X-Pismo-Sign": {token}}, Body: []byte(body), Now: now}
	call, err := g.Receive(context.Background(), a)
	if err != nil {
		return engine.ReplyTo(err), err
	}
	return g.Answer(call, now)
}

// TestTwoGatesAnswerOneWebhookOnce: the same signed webhooks come to two processes
// at the same time, several times.
func TestTwoGatesAnswerOneWebhookOnce(t *testing.T) {
	sender, err := enginetest.NewPismoSender(storetest.Now())
	must(t, sender, err)
	url := storetest.PostgresURL(t)
	opt := store.Options{CommitTimeout: time.Minute}
	stores := []store.Store{open(t, url, opt), open(t, url, opt)}
	gates := []*engine.Gate{gate(t, sender, stores[0]), gate(t, sender, stores[1])}
	const messages, copies = 20, 3
	var tokens []string
	for i := range messages {
		body := fmt.Sprintf(webhookBody, i)
		token := sender.Sign([]byte(body), storetest.Now(), nil)
		var mu sync.Mutex
		var wg sync.WaitGroup
		bodies := map[string]int{}
		for c := range copies * len(gates) {
			wg.Go(func() {
				reply, _ := play(gates[c%2], token, body, storetest.Now().Add(time.Second))
				mu.Lock()
				defer mu.Unlock()
				bodies[fmt.Sprint(reply.Status, " ", string(reply.Body))]++
			})
		}
		wg.Wait()
		if len(bodies) != 1 {
			t.Errorf("webhook %d was answered in %d ways: %v", i, len(bodies), bodies)
		}
		reply, err := play(gates[i%2], token, strings.Replace(body, "PLASTIC", "VIRTUAL", 1), storetest.Now().Add(time.Second))
		if reply.Status != 401 || err == nil {
			t.Errorf("other bytes under the same claims: %d", reply.Status)
		}
		tokens = append(tokens, token)
	}
	for i, token := range tokens {
		if reply, _ := play(gates[i%2], token, fmt.Sprintf(webhookBody, i), storetest.Now().Add(time.Minute)); reply.Status != 401 {
			t.Errorf("a replay: %d", reply.Status)
		}
	}
	count := map[string]int{}
	for l, err := range stores[0].Records(bg, 0) {
		must(t, l, err)
		for _, what := range []string{`"refusal":null`, `"refusal":"repeat"`, `"refusal":"replayed"`, `"refusal":"body_hash"`} {
			if strings.Contains(string(l.Text), what) {
				count[what]++
			}
		}
	}
	want := map[string]int{`"refusal":null`: messages, `"refusal":"repeat"`: messages * (copies*2 - 1), `"refusal":"replayed"`: messages, `"refusal":"body_hash"`: messages}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("recorded %v, want %v", count, want)
	}
	verify(t, stores[1], messages*(copies*2+2))
	ev := enginetest.With(entryEvent(1), "id", "question", "card.bin", "412345")
	if err := stores[1].Fill(bg, ev, storetest.Now().Add(time.Minute)); err != nil || store.Count(stores[0], "observations") != messages {
		t.Errorf("%v, %d observations", err, store.Count(stores[0], "observations"))
	}
}
