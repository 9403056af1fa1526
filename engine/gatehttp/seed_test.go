package gatehttp_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/rules"
)

// The behaviours that Pismo's own Go sample gets wrong, as far as they lie in the
// door: the others stand in the tests of crypto/webhook, crypto/keyring/source and
// engine/wire/pismo.

func TestSeedDefect15ABadSignatureIsA401(t *testing.T) {
	r := newRig(t, parts{})
	req := r.request(clean("432"))
	r.sign(req, clean("433"), nil)
	r.want(req, http.StatusUnauthorized, flat401)
	r.last("body_hash", "") // the record tells causes apart; the sender is told none
}

func TestSeedDefect16AnswersDependOnTheRequest(t *testing.T) {
	r := newRig(t, parts{})
	bodies := map[string]bool{}
	for i, codes := range []string{`[]`, `["FRB"]`, `["UBT"]`, `["998"]`, `["FR1"]`, `["EXPCRD"]`} {
		bodies[r.send(r.request(strings.Replace(clean(fmt.Sprint(i+1)), `[]`, codes, 1))).body] = true
	}
	if len(bodies) != 6 {
		t.Errorf("%d different answers to six different requests: %v", len(bodies), bodies)
	}
}

func TestSeedDefect17BlockedCardsAreDeclinedOverHTTP(t *testing.T) {
	r := newRig(t, parts{})
	r.want(r.request(strings.Replace(clean("1"), `[]`, `["UBT"]`, 1)), 200, `{"approve":false,"action_code":"05"}`)
	r.want(r.request(strings.Replace(clean("2"), `[]`, `["998"]`, 1)), 200, `{"approve":false,"action_code":"14"}`)
}

func TestSeedDefect18AnswersHaveNoEmptyMembers(t *testing.T) {
	r := newRig(t, parts{})
	got := r.want(r.request(strings.Replace(clean("1"), `[]`, `["FRB"]`, 1)), 200, stepUp)
	if strings.Contains(got.body, `""`) {
		t.Error(got.body)
	}
}

func TestSeedDefect19AppsHaveURLsAndPlatforms(t *testing.T) {
	// pismo.New refuses others: see the test of the same number there.
	if strings.Contains(stepUp, "OTPAPP") {
		t.Error("an app is offered that was not configured")
	}
	r := newRig(t, parts{})
	if got := r.send(r.request(strings.Replace(clean("1"), `[]`, `["FRB"]`, 1))); strings.Contains(got.body, "OTPAPP") {
		t.Errorf("an app is offered that was not configured: %s", got.body)
	}
}

// Of defect 22: server timeouts, a bound on the body, idempotency, a deadline with
// its answer, an audit record. TLS is the embedder's listener.
func TestSeedDefect22TheDoorIsBoundedAndRecorded(t *testing.T) {
	s := gatehttp.NewServer("", nil)
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= gatehttp.DefaultDeadline || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= webhook.MaxTokenBytes {
		t.Errorf("bounds of the server: %+v", s)
	}
	r := newRig(t, parts{})
	req := r.request(clean("432"))
	twin := again(req)
	r.want(req, 200, approved)
	r.want(twin, 200, approved)
	lines := r.records()
	if len(lines) != 2 || text(lines[0].Outcome) != "green" || text(lines[1].Refusal) != "repeat" {
		t.Errorf("records: %v", lines)
	}
}

// For the race detector: many senders at once, more than there are places, while
// the pack is swapped. No answer is of both packs or of none.
func TestManySendersWhileThePackIsSwapped(t *testing.T) {
	r := newRig(t, parts{opt: gatehttp.Options{MaxInFlight: 8}})
	packs := []*rules.Pack{pack(t, rules.Yellow), pack(t, rules.Yellow, verdict{truth: rules.True})}
	stop := make(chan struct{})
	var swapping, done sync.WaitGroup
	swapping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := r.engine.Swap(packs[i%2]); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range 16 {
		done.Go(func() {
			for k := range 6 {
				got := r.send(r.request(clean(fmt.Sprint(i*100 + k))))
				if got.body != approved && got.body != stepUp && got.status != 503 {
					t.Errorf("%v", got)
				}
			}
		})
	}
	done.Wait()
	close(stop)
	swapping.Wait()
	lines := r.records()
	for _, l := range lines {
		if o := text(l.Outcome); o != "green" && o != "yellow" && text(l.Refusal) != engine.ErrBusy.Name() {
			t.Errorf("record: %v", l)
		}
	}
	if len(lines) != 96 {
		t.Errorf("%d records of 96 requests", len(lines))
	}
}
