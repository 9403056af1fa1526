package engine

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func anObservation() Observation {
	return Observation{
		ID: "e1", Card: "k1:card", Device: "d\x00", Holder: "hé", Requestor: "40010030273", BIN: "411111",
		At: testNow.Add(-time.Minute + 7), Observed: testNow, Attempt: true, Failure: true,
	}
}

func TestObservationSurvivesItsBinaryForm(t *testing.T) {
	list := []Observation{anObservation(), {ID: "x", CVVFail: true, At: time.Time{}, Observed: time.Unix(-1, 5).UTC()}}
	var data []byte
	for _, o := range list {
		data = o.Append(data)
	}
	for i, want := range list {
		got, rest, err := DecodeObservation(data)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d: %+v %v", i, got, err)
		}
		data = rest
	}
	if len(data) > 0 {
		t.Errorf("%d bytes are left", len(data))
	}
	long := anObservation()
	long.Card, long.At = strings.Repeat("c", MaxObservationText+1), time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	if got, _, err := DecodeObservation(long.Append(nil)); err != nil || got.Card != long.Card[1:] || got.At.Year() != 9999 {
		t.Errorf("beyond the bounds: %v %v", got.At, err)
	}
}

func TestDecodeObservationRefusesWhatIsDamaged(t *testing.T) {
	o := anObservation()
	good := o.Append(nil)
	for n := range good {
		if _, _, err := DecodeObservation(good[:n]); !errors.Is(err, ErrObservation) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	nameless := o
	nameless.ID = ""
	for name, data := range map[string][]byte{
		"other format": append([]byte{2}, good[1:]...), "unknown flag": append([]byte{1, 8}, good[2:]...),
		"without id": nameless.Append(nil), "a long form of a number": append(append([]byte{1, 0, 0x80, 0x00}, 0, 0, 0, 1, 'x'), 0, 0, 0, 0, 0),
		"a long text": append([]byte{1, 0, 0, 0, 0, 0, 0xff, 0xff, 0x7f}, make([]byte, 1<<21)...),
	} {
		if _, _, err := DecodeObservation(data); !errors.Is(err, ErrObservation) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeObservation(f *testing.F) {
	o := anObservation()
	f.Add(o.Append(nil))
	f.Add((&Observation{ID: "x"}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, rest, err := DecodeObservation(data)
		if err != nil {
			if !errors.Is(err, ErrObservation) {
				t.Fatalf("an error without name: %v", err)
			}
			return
		}
		if again := o.Append(nil); !bytes.Equal(again, data[:len(data)-len(rest)]) {
			t.Fatalf("two forms of one observation: %x and %x", data, again)
		}
	})
}

func TestWindowCountsWhatWasEncoded(t *testing.T) {
	direct, decoded := newTestWindow(t, WindowOptions{TrustedComplete: true}), newTestWindow(t, WindowOptions{TrustedComplete: true})
	for i, e := range []*Event{
		past(t, "1", time.Minute, "verify.cvv", "fail"), past(t, "2", 2*time.Hour, "device.ref", "d2", "holder.ref", nil),
		past(t, "3", 5*time.Minute, "wallet.recommendation", "decline"), past(t, "4", time.Second, "kind", "notification"),
	} {
		at := e.Get("at").(time.Time)
		o, err := ObservationOf(e, at)
		if err != nil {
			t.Fatal(i, err)
		}
		direct.Observe(e, at)
		again, _, err := DecodeObservation(o.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		decoded.Add(again)
	}
	a, b := past(t, "now", 0), past(t, "now", 0)
	direct.Fill(a, testNow)
	decoded.Fill(b, testNow)
	if !reflect.DeepEqual(vel(a), vel(b)) || a.Get("vel.attempts_card_1h") != int64(2) {
		t.Errorf("%v\n%v", vel(a), vel(b))
	}
}

func TestWindowForgets(t *testing.T) {
	w := newTestWindow(t, WindowOptions{TrustedComplete: true})
	observeAll(t, w, past(t, "1", 2*day), past(t, "2", time.Minute))
	w.Forget(testNow.Add(-day))
	ev := past(t, "now", 0)
	w.Fill(ev, testNow)
	if got := vel(ev); w.Len() != 1 || got["attempts_card_24h"] != int64(1) || got["devices_card_30d"] != nil {
		t.Errorf("%d events, %v", w.Len(), got)
	}
	w.Forget(testNow.Add(-2 * day))
	if ev = past(t, "now", 0); w.Len() != 1 {
		t.Error("an earlier instant changed something")
	}
	observeAll(t, w, past(t, "late", 2*day))
	w.Fill(ev, testNow)
	if w.Len() != 1 || ev.Has("vel.devices_card_30d") {
		t.Error("what was let go came back")
	}
}
