package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

// wordCodec is a counterpart with few words: a body is "ok ID", "panic", "nothing"
// or "mute ID" (whose decision it cannot encode).
type wordCodec struct{ noSystemError bool }

func (wordCodec) Name() string { return "word" }

func (wordCodec) Decode(m *webhook.Message) (*engine.Decoded, error) {
	word, id, _ := strings.Cut(string(m.Body()), " ")
	switch word {
	case "ok", "mute":
		ev := engine.NewEvent(rules.EventV1())
		ev.Set("id", id)
		ev.Set("device.type", word)
		ev.Set("card.ref", "k1:card")
		ev.Set("card.bin", "411111")
		ev.Set("card.last4", "1111")
		return &engine.Decoded{Event: ev, UnknownFields: 2}, nil
	case "panic":
		panic("mistake in the codec")
	case "nothing":
		return nil, nil
	}
	return nil, &engine.DecodeError{Offset: 3, Pointer: "/card", Msg: "is no word"}
}

func (wordCodec) Encode(ev *engine.Event, d *engine.Decision) (engine.Reply, error) {
	if ev.Text("device.type") == "mute" {
		return engine.Reply{}, errors.New("no words")
	}
	return engine.Reply{Status: 200, ContentType: "text/plain", Body: []byte(d.Outcome.String() + " " + d.EventID)}, nil
}

func (c wordCodec) SystemError() engine.Reply {
	if c.noSystemError {
		panic("mistake in the codec")
	}
	return engine.Reply{Status: 200, ContentType: "text/plain", Body: []byte("system error")}
}

type tellingCodec struct {
	wordCodec
	methods []engine.Method
}

func (c tellingCodec) Methods() []engine.Method { return c.methods }

type rig struct {
	t       *testing.T
	gate    *engine.Gate
	sender  *enginetest.PismoSender
	opt     engine.GateOptions
	journal *bytes.Buffer
	now     time.Time
	seen    []*engine.Record
}

var oneSender = sync.OnceValue(func() *enginetest.PismoSender {
	s, err := enginetest.NewPismoSender(enginetest.Now())
	if err != nil {
		panic(err)
	}
	return s
})

func ok[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func emptyPack(t *testing.T) *rules.Pack {
	t.Helper()
	m := &rules.Manifest{Name: "empty", Version: "1", Schema: rules.EventV1(), Default: rules.Yellow, OnError: rules.Orange, MaxCost: 1000}
	p, err := rules.NewPack(m, nil, nil)
	return ok(t, p, err)
}

func verifier(t *testing.T, keys keyring.Lookup, route string) *webhook.Verifier {
	t.Helper()
	v, err := webhook.NewPismo(webhook.PismoOptions{Keys: keys, Accounts: []string{enginetest.PismoAccount}, Route: route})
	return ok(t, v, err)
}

func newRig(t *testing.T, change func(*engine.GateOptions)) *rig {
	t.Helper()
	r := &rig{t: t, sender: oneSender(), journal: &bytes.Buffer{}, now: enginetest.Now()}
	ring, err := keyring.NewRing(r.sender.Key())
	ok(t, ring, err)
	e, err := engine.New(emptyPack(t), engine.Options{})
	ok(t, e, err)
	mem, err := engine.NewMemory(engine.MemoryOptions{})
	ok(t, mem, err)
	j, err := engine.NewJournal(r.journal, engine.JournalOptions{})
	ok(t, j, err)
	r.opt = engine.GateOptions{
		Verifier: verifier(t, ring, ""), Codec: wordCodec{}, Engine: e, Memory: mem, Journal: j, StartedAt: r.now.Add(-time.Hour),
		Observe: func(rec *engine.Record) { r.seen = append(r.seen, rec) },
	}
	if change != nil {
		change(&r.opt)
	}
	r.gate, err = engine.NewGate(r.opt)
	ok(t, r.gate, err)
	return r
}

func (r *rig) arrival(body string, at time.Time, changes enginetest.Claims) engine.Arrival {
	token := r.sender.Sign([]byte(body), r.now, changes)
	return engine.Arrival{
		Header: map[string][]string{"X-Pismo-Sign": {token}}, Body: []byte(body), Now: at,
		Took: func() time.Duration { return 7 * time.Microsecond },
	}
}

// play does what a handler does.
func (r *rig) play(a engine.Arrival) (engine.Reply, error) {
	call, err := r.gate.Receive(context.Background(), a)
	if err != nil {
		return engine.ReplyTo(err), err
	}
	return r.gate.Answer(call, a.Now)
}

func (r *rig) last() *engine.Record {
	r.t.Helper()
	if len(r.seen) == 0 {
		r.t.Fatal("no record")
	}
	return r.seen[len(r.seen)-1]
}

func (r *rig) want(name string, a engine.Arrival, status int, body, refusal string) {
	r.t.Helper()
	before := len(r.seen)
	reply, err := r.play(a)
	if reply.Status != status || string(reply.Body) != body {
		r.t.Errorf("%s: %d %s (%v), want %d %s", name, reply.Status, reply.Body, err, status, body)
	}
	if len(r.seen) != before+1 || r.last().Refusal != refusal {
		r.t.Errorf("%s: %d records, the last %q; want one more, %q", name, len(r.seen)-before, r.last().Refusal, refusal)
	}
}

const flat401 = `{"error":"unauthorized"}`

func TestGateAnswersAsTheTableSays(t *testing.T) {
	r := newRig(t, nil)
	now := r.now
	r.want("decided", r.arrival("ok a", now, nil), 200, "yellow a", "")
	rec := r.last()
	if rec.Outcome != rules.Yellow || rec.ActionCode != "85" || rec.UnknownFields != 2 || rec.Micros != 7 ||
		rec.KeyID != r.sender.KeyID() || rec.Card != (engine.Card{Ref: "k1:card"}) || rec.EventID != "a" {
		t.Errorf("record %+v", rec)
	}
	r.want("a retry", r.arrival("ok a", now.Add(30*time.Second), nil), 200, "yellow a", "repeat")
	r.want("a retry with another token", r.arrival("ok a", now, enginetest.Claims{"exp": now.Add(time.Hour).Unix()}), 200, "yellow a", "repeat")
	r.want("a replay", r.arrival("ok a", now.Add(30*time.Second+1), nil), 401, flat401, "replayed")
	r.want("another body", r.arrival("ok b", now, nil), 200, "yellow b", "")
	r.want("not decodable", r.arrival("what", now, nil), 200, "system error", "decode")
	r.want("not decodable, again", r.arrival("what", now, nil), 200, "system error", "repeat")
	r.want("a codec that breaks", r.arrival("panic", now, nil), 200, "system error", "internal")
	r.want("a codec without event", r.arrival("nothing", now, nil), 200, "system error", "internal")
	r.want("stale", r.arrival("ok s", now.Add(time.Hour), nil), 401, flat401, "stale")
	r.want("claims", r.arrival("ok c", now, enginetest.Claims{"iss": "x"}), 401, flat401, "claims")
	tampered := r.arrival("ok t", now, nil)
	tampered.Body = []byte("ok u")
	r.want("tampered", tampered, 401, flat401, "body_hash")
	r.want("not signed", engine.Arrival{Body: []byte("ok n"), Now: now}, 401, flat401, "not_signed")
	large := engine.Arrival{Body: make([]byte, webhook.DefaultMaxBody+1), Now: now}
	r.want("too large", large, 413, `{"error":"too_large"}`, "too_large")
	end, err := engine.VerifyChain(bytes.NewReader(r.journal.Bytes()))
	if err != nil || int(end.Seq) != len(r.seen) {
		t.Errorf("journal: %+v %v, want %d lines", end, err, len(r.seen))
	}
}

func TestGateRecordsWhatLeaves(t *testing.T) {
	r := newRig(t, nil)
	r.want("decided", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
	digest := sha256.Sum256([]byte("ok a"))
	rec := r.last()
	want := `{"format":1,"seq":1,"prev":"` + strings.Repeat("0", 64) + `","at":"2026-11-23T10:00:00Z","counterpart":"word",` +
		`"event_id":"a","decision_id":"` + rec.DecisionID + `","pack_id":"` + rec.PackID + `","lists":[],"outcome":"yellow","action_code":"85",` +
		`"rules":[],"reasons":["WALLET_FLOOR"],"degraded":[],"shadow":[],"cost":0,"key_id":"` + r.sender.KeyID() + `",` +
		`"message_digest":"` + hex.EncodeToString(digest[:]) + `","refusal":null,"micros":7,"unknown_fields":2,"card":{"ref":"k1:card"},` +
		`"age_ms":0,"observed":[],"incumbent":null,"sealed":null}` + "\n"
	if got := r.journal.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGateSaysSystemErrorWhenADecisionCannotBeSaid(t *testing.T) {
	r := newRig(t, nil)
	r.want("mute", r.arrival("mute a", r.now, nil), 200, "system error", "")
	rec := r.last()
	if rec.Outcome != rules.Red || rec.ActionCode != "96" || len(rec.Degraded) != 1 || rec.Degraded[0].Code != "internal" {
		t.Errorf("record %+v", rec)
	}
	r = newRig(t, func(o *engine.GateOptions) { o.Codec = wordCodec{noSystemError: true} })
	r.want("no system error either", r.arrival("mute a", r.now, nil), 503, `{"error":"unavailable"}`, "internal")
	r.want("nor for a body", r.arrival("what", r.now, nil), 503, `{"error":"unavailable"}`, "internal")
}

func TestGateJoinsTheDeadline(t *testing.T) {
	r := newRig(t, nil)
	call, err := r.gate.Receive(context.Background(), r.arrival("ok late", r.now, nil))
	ok(t, call, err)
	enginetest.With(call.Event, "holder.phone_changed_days", 100)
	reply, err := r.gate.AnswerLate(call, r.now.Add(2*time.Second))
	if err != nil || string(reply.Body) != "orange late" || r.last().Degraded[0].Code != "deadline" || r.last().Outcome != rules.Orange {
		t.Errorf("%s %v %+v", reply.Body, err, r.last())
	}
	if _, err := r.gate.Answer(call, r.now); code.Of(err) != code.Internal {
		t.Errorf("a call was answered twice: %v", err)
	}
}

func TestGateRefusesWhatNeverCameIn(t *testing.T) {
	r := newRig(t, nil)
	for _, tc := range []struct {
		err    error
		status int
		name   string
	}{
		{engine.ErrBusy, 503, "busy"}, {engine.ErrDeadline, 503, "deadline"}, {engine.ErrTooLarge, 413, "too_large"}, {webhook.ErrNotSigned, 401, "not_signed"},
	} {
		if reply := r.gate.Refuse(tc.err, engine.Arrival{Now: r.now}); reply.Status != tc.status || r.last().Refusal != tc.name {
			t.Errorf("%v: %d, recorded as %q", tc.err, reply.Status, r.last().Refusal)
		}
	}
}

func TestGateForgetsAnAbandonedCall(t *testing.T) {
	r := newRig(t, nil)
	call, err := r.gate.Receive(context.Background(), r.arrival("ok a", r.now, nil))
	ok(t, call, err)
	if reply := r.gate.Abandon(call, engine.ErrDeadline); reply.Status != 503 || r.last().Refusal != "busy" {
		t.Errorf("%d, recorded as %q", reply.Status, r.last().Refusal)
	}
	r.want("again", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
}

func TestGateGivesTwinsOneAnswer(t *testing.T) {
	r := newRig(t, nil)
	var mu sync.Mutex
	r.opt.Observe = func(rec *engine.Record) { mu.Lock(); r.seen = append(r.seen, rec); mu.Unlock() }
	var err error
	r.gate, err = engine.NewGate(r.opt)
	ok(t, r.gate, err)
	arrival := r.arrival("ok twin", r.now, nil)
	call, err := r.gate.Receive(context.Background(), arrival)
	ok(t, call, err)
	replies := make(chan string, 8)
	for range cap(replies) {
		go func() {
			reply, err := r.play(arrival)
			if !errors.Is(err, engine.ErrRepeat) {
				t.Errorf("a twin: %v", err)
			}
			replies <- string(reply.Body)
		}()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.gate.Receive(ctx, arrival); engine.ReplyTo(err).Status != 503 {
		t.Errorf("a twin that cannot wait: %v", err)
	}
	if _, err := r.gate.Answer(call, r.now); err != nil {
		t.Fatal(err)
	}
	for range cap(replies) {
		if got := <-replies; got != "yellow twin" {
			t.Errorf("a twin got %q", got)
		}
	}
	decided := 0
	for _, rec := range r.seen {
		if rec.Decided {
			decided++
		}
	}
	if decided != 1 {
		t.Errorf("%d decisions", decided)
	}
}

func TestGateRefusesACopyOnAnotherRoute(t *testing.T) {
	r := newRig(t, nil)
	r.want("first", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
	ring, err := keyring.NewRing(r.sender.Key())
	ok(t, ring, err)
	r.opt.Verifier = verifier(t, ring, "other")
	r.gate, err = engine.NewGate(r.opt)
	ok(t, r.gate, err)
	r.want("other route", r.arrival("ok a", r.now, nil), 401, flat401, "replayed")
	r.opt.Name, r.opt.Verifier = "third", verifier(t, ring, "")
	r.gate, err = engine.NewGate(r.opt)
	ok(t, r.gate, err)
	r.want("other gate", r.arrival("ok a", r.now, nil), 401, flat401, "replayed")
}

func TestGateRefusesWhatWasIssuedBeforeTheStart(t *testing.T) {
	r := newRig(t, func(o *engine.GateOptions) { o.StartedAt = enginetest.Now().Add(time.Second) })
	r.want("before", r.arrival("ok a", r.now.Add(2*time.Second), nil), 401, flat401, "stale")
	r.want("at the start", r.arrival("ok a", r.now.Add(2*time.Second), enginetest.Claims{"iat": r.now.Add(time.Second).Unix()}), 200, "yellow a", "")
}

// brokenWriter takes so many bytes, and then so many writes fail.
type brokenWriter struct {
	bytes.Buffer
	room, failures int
}

var errFull = errors.New("disk full")

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.failures == 0 || w.room >= len(b) {
		w.room -= len(b)
		return w.Buffer.Write(b)
	}
	w.failures--
	n, _ := w.Buffer.Write(b[:max(w.room, 0)])
	w.room = 0
	return n, errFull
}

func TestGateAnswers503WhenItCannotRecord(t *testing.T) {
	for room := range 40 {
		w := &brokenWriter{room: room * 25, failures: 2}
		j, err := engine.NewJournal(w, engine.JournalOptions{})
		ok(t, j, err)
		r := newRig(t, func(o *engine.GateOptions) { o.Journal = j })
		refused := 0
		for range 6 {
			reply, err := r.play(r.arrival("ok a", r.now, nil))
			if reply.Status == 503 && errors.Is(err, engine.ErrRecord) && errors.Is(err, errFull) {
				refused++
			} else if string(reply.Body) != "yellow a" {
				t.Fatalf("room %d: %d %s %v", w.room, reply.Status, reply.Body, err)
			}
		}
		if refused != 2 || j.Err() != nil {
			t.Errorf("room %d: %d answers of 503, %v", room*25, refused, j.Err())
		}
		if end, err := engine.VerifyChain(&w.Buffer); err != nil || end.Seq < 4 || end != j.Chain() {
			t.Errorf("room %d: the chain is torn: %+v %v", room*25, end, err)
		}
	}
}

func TestGateAnswers503WhenALineIsNotDurable(t *testing.T) {
	fails := true
	j, err := engine.NewJournal(&bytes.Buffer{}, engine.JournalOptions{Commit: func() error {
		if fails {
			return errFull
		}
		return nil
	}})
	ok(t, j, err)
	r := newRig(t, func(o *engine.GateOptions) { o.Journal = j })
	if reply, err := r.play(r.arrival("ok a", r.now, nil)); reply.Status != 503 || !errors.Is(err, engine.ErrRecord) || j.Err() == nil {
		t.Errorf("%d %v", reply.Status, err)
	}
	fails = false
	r.want("again", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
}

func TestGateWaitsOnceForANewKey(t *testing.T) {
	empty, err := keyring.NewRing()
	ok(t, empty, err)
	live := keyring.NewLive(empty)
	asked := 0
	r := newRig(t, nil)
	full, err := keyring.NewRing(r.sender.Key())
	ok(t, full, err)
	r.opt.Verifier = verifier(t, live, "")
	r.opt.AwaitKey = func(_ context.Context, kid string) bool {
		asked++
		if asked > 1 && kid == r.sender.KeyID() {
			live.Swap(full)
			return true
		}
		return false
	}
	r.gate, err = engine.NewGate(r.opt)
	ok(t, r.gate, err)
	r.want("the key does not come", r.arrival("ok a", r.now, nil), 401, flat401, "key_unknown")
	if r.last().KeyID != r.sender.KeyID() {
		t.Errorf("key id %q", r.last().KeyID)
	}
	r.want("the key comes", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
	r.want("no need to ask", r.arrival("ok b", r.now, nil), 200, "yellow b", "")
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func TestNewGateRefusesWhatDoesNotFit(t *testing.T) {
	short, err := engine.NewMemory(engine.MemoryOptions{Keep: 7*time.Minute - 1})
	ok(t, short, err)
	for name, change := range map[string]func(*engine.GateOptions){
		"no verifier": func(o *engine.GateOptions) { o.Verifier = nil }, "no codec": func(o *engine.GateOptions) { o.Codec = nil },
		"no engine": func(o *engine.GateOptions) { o.Engine = nil }, "no memory": func(o *engine.GateOptions) { o.Memory = nil },
		"no journal": func(o *engine.GateOptions) { o.Journal = nil }, "no start": func(o *engine.GateOptions) { o.StartedAt = time.Time{} },
		"a memory that keeps too little": func(o *engine.GateOptions) { o.Memory = short },
		"two forms of card": func(o *engine.GateOptions) {
			j, err := engine.NewJournal(&bytes.Buffer{}, engine.JournalOptions{Card: engine.CardBIN})
			o.Journal = ok(t, j, err)
		},
		"a negative window":          func(o *engine.GateOptions) { o.RetryWindow = -1 },
		"a window beyond the memory": func(o *engine.GateOptions) { o.RetryWindow = time.Hour },
	} {
		opt := newRig(t, nil).opt
		change(&opt)
		if _, err := engine.NewGate(opt); !errors.Is(err, engine.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mute := newRig(t, nil).opt
	mute.Codec = tellingCodec{methods: engine.DefaultMethods()[:2]}
	if _, err := engine.NewGate(mute); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "call") {
		t.Errorf("an engine that offers more than the codec can say: %v", err)
	}
	mute.Codec = tellingCodec{methods: engine.DefaultMethods()}
	if _, err := engine.NewGate(mute); err != nil {
		t.Error(err)
	}
	opt := newRig(t, nil).opt
	opt.StartedAt, opt.UnsafeNoStart = time.Time{}, true
	if _, err := engine.NewGate(opt); err != nil {
		t.Error(err)
	}
}

func TestRecordNamesACardInOneForm(t *testing.T) {
	ev := enginetest.CleanPush()
	if got := engine.CardOf(ev, engine.CardRef); got != (engine.Card{Ref: "k1:card-a"}) {
		t.Errorf("%+v", got)
	}
	if got := engine.CardOf(ev, engine.CardBIN); got != (engine.Card{BIN: "411111", Last4: "1111"}) {
		t.Errorf("%+v", got)
	}
	enginetest.With(ev, "card.ref", "4111111111111111", "card.bin", "4111111111111111", "card.last4", "4111111111111111")
	for _, form := range []engine.CardForm{engine.CardRef, engine.CardBIN} {
		if got := engine.CardOf(ev, form); got != (engine.Card{}) {
			t.Errorf("a card number is recorded: %+v", got)
		}
	}
	if engine.CardOf(nil, engine.CardRef) != (engine.Card{}) {
		t.Error("no event, but a card")
	}
}

func TestVerifyChainFindsTheFirstBadLine(t *testing.T) {
	var buf bytes.Buffer
	j, err := engine.NewJournal(&buf, engine.JournalOptions{})
	ok(t, j, err)
	for range 5 {
		if err := j.Append(&engine.Record{At: enginetest.Now(), Counterpart: "word"}); err != nil {
			t.Fatal(err)
		}
	}
	good := buf.String()
	lines := strings.SplitAfter(good, "\n")[:5]
	for name, tc := range map[string]struct {
		text string
		line int
	}{
		"whole": {good, 0}, "empty": {"", 0}, "changed": {strings.Replace(good, `"seq":3,`, `"seq":3, `, 1), 4},
		"removed": {lines[0] + lines[1] + lines[3] + lines[4], 3}, "swapped": {lines[0] + lines[2] + lines[1] + lines[3] + lines[4], 2},
		"torn": {good[:len(good)-5], 5}, "no JSON": {lines[0] + "x\n", 2}, "array": {"[]\n", 1},
		"other format": {strings.Replace(good, `"format":1`, `"format":2`, 1), 1}, "first cut off": {lines[1] + lines[2], 1},
	} {
		_, err := engine.VerifyChain(strings.NewReader(tc.text))
		var bad *engine.ChainError
		switch {
		case tc.line == 0 && err != nil, tc.line > 0 && !errors.As(err, &bad):
			t.Errorf("%s: %v", name, err)
		case bad != nil && (bad.Line != tc.line || !errors.Is(err, engine.ErrChain) || bad.Torn != (name == "torn")):
			t.Errorf("%s: %v", name, err)
		}
	}
	end, err := engine.VerifyChain(strings.NewReader(lines[0] + lines[1]))
	ok(t, end, err)
	if _, err := engine.VerifyChainFrom(strings.NewReader(lines[2]+lines[3]), end); err != nil {
		t.Error(err)
	}
	more := bytes.NewBufferString(lines[0] + lines[1])
	j, err = engine.NewJournal(more, engine.JournalOptions{After: end})
	ok(t, j, err)
	if err := j.Append(&engine.Record{At: enginetest.Now(), Counterpart: "word"}); err != nil || more.String() != lines[0]+lines[1]+lines[2] {
		t.Errorf("%v\n%s", err, more)
	}
	for _, after := range []engine.Chain{{Seq: 1}, {Seq: 1, Hash: "x"}, {Hash: end.Hash}} {
		if _, err := engine.NewJournal(more, engine.JournalOptions{After: after}); !errors.Is(err, engine.ErrConfig) {
			t.Errorf("after %+v: %v", after, err)
		}
	}
}

func TestRecordIsStrictJSON(t *testing.T) {
	r := newRig(t, nil)
	a := r.arrival("ok \"quoted\"\n\x01", r.now, nil)
	if _, err := r.play(a); err != nil {
		t.Fatal(err)
	}
	if _, err := strictjson.Parse(bytes.TrimSuffix(r.journal.Bytes(), []byte("\n")), strictjson.Limits{}); err != nil {
		t.Error(err)
	}
}

func TestJournalChainsConcurrentRecords(t *testing.T) {
	var buf bytes.Buffer
	commits := make(chan struct{}, 400)
	j, err := engine.NewJournal(&buf, engine.JournalOptions{Commit: func() error { commits <- struct{}{}; return nil }})
	ok(t, j, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if err := j.Append(&engine.Record{At: enginetest.Now(), Counterpart: "word"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	end, err := engine.VerifyChain(&buf)
	if err != nil || end.Seq != 400 || end != j.Chain() || len(commits) != 400 {
		t.Errorf("%+v %v, %d commits", end, err, len(commits))
	}
}

func TestGateRecordsNoCardNumberOfAStranger(t *testing.T) {
	r := newRig(t, nil)
	a := r.arrival("ok a", r.now, nil)
	a.Header = map[string][]string{"X-Pismo-Sign": {r.sender.Token(enginetest.Claims{"kid": "4111111111111111"}, []byte("{}"))}}
	r.want("a card number as kid", a, 401, flat401, "key_unknown")
	if strings.Contains(r.journal.String(), "4111") {
		t.Errorf("recorded: %s", r.journal)
	}
}

func TestGateSurvivesAWriterThatPanics(t *testing.T) {
	w := &panicWriter{on: true}
	j, err := engine.NewJournal(w, engine.JournalOptions{})
	ok(t, j, err)
	r := newRig(t, func(o *engine.GateOptions) { o.Journal = j })
	call, err := r.gate.Receive(context.Background(), r.arrival("ok a", r.now, nil))
	ok(t, call, err)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		r.gate.Answer(call, r.now)
	}()
	w.on = false
	if reply := r.gate.Abandon(call, engine.ErrInternal); reply.Status != 503 {
		t.Errorf("%d", reply.Status)
	}
	r.want("again", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
	if _, err := engine.VerifyChain(&w.Buffer); err != nil {
		t.Error(err)
	}
}

type panicWriter struct {
	bytes.Buffer
	on bool
}

func (w *panicWriter) Write(b []byte) (int, error) {
	if w.on {
		panic("a writer that breaks")
	}
	return w.Buffer.Write(b)
}
