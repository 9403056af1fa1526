package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/seal"
)

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// ExampleDataKey: one key for many records.
func ExampleDataKey() {
	file, recipient, _ := seal.NewKeyFile(start)
	to, _ := seal.ParseRecipients([]byte(recipient))

	// The server: Wrapped is kept before the first record that needs it.
	key, err := seal.NewDataKey(to, seal.DataKeyLimits{Records: 1000, Age: time.Hour}, start)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := key.Seal("decision-1", 0, []byte(`{"id":"event-1"}`), start)
	if err != nil { // seal.ErrSpent: make another key
		fmt.Println(err)
		return
	}

	// The auditor.
	with, _ := seal.ParseIdentities(file)
	opener, err := seal.OpenDataKey(with, key.Wrapped())
	if err != nil {
		fmt.Println(err)
		return
	}
	plain, err := opener.Open("decision-1", 0, text)
	fmt.Println(string(plain), err)
	_, err = opener.Open("decision-2", 0, text)
	fmt.Println(err)
	// Output:
	// {"id":"event-1"} <nil>
	// seal: not a sealed text, or it was changed: it was changed, or sealed for another record
}

func dataKey(t testing.TB, limits seal.DataKeyLimits) (*seal.DataKey, *seal.DataKeyOpener) {
	t.Helper()
	ids, to := keyFile(t)
	key, err := seal.NewDataKey(to, limits, start)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := seal.OpenDataKey(ids, key.Wrapped())
	if err != nil || opener.ID() != key.ID() {
		t.Fatal(err)
	}
	return key, opener
}

func TestARecordOpensInItsOwnPlaceAlone(t *testing.T) {
	key, opener := dataKey(t, seal.DataKeyLimits{})
	type place struct {
		record   string
		position uint64
	}
	places := []place{{"a", 0}, {"a", 1}, {"b", 0}, {"ab", 0}, {"a\x00", 0}, {strings.Repeat("r", seal.MaxRecordID), 1 << 63}}
	for _, plain := range []string{"", "x", strings.Repeat("long ", 10_000)} {
		for _, p := range places {
			text, err := key.Seal(p.record, p.position, []byte(plain), start)
			if err != nil {
				t.Fatal(err)
			}
			if id, ok := seal.DataKeyOf(text); !ok || id != key.ID() {
				t.Errorf("key %q of a text of %s", id, key.ID())
			}
			for _, q := range places {
				got, err := opener.Open(q.record, q.position, text)
				if p == q && (err != nil || string(got) != plain) || p != q && (got != nil || !errors.Is(err, seal.ErrSealed)) {
					t.Errorf("sealed for %v, opened for %v: %q %v", p, q, got, err)
				}
			}
		}
	}
}

// TestRecordsRefuseEveryChange: no bit can be changed, nothing cut off or added.
func TestRecordsRefuseEveryChange(t *testing.T) {
	key, opener := dataKey(t, seal.DataKeyLimits{})
	_, foreign := dataKey(t, seal.DataKeyLimits{})
	text, err := key.Seal("r", 3, []byte("the event"), start)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, text string) {
		t.Helper()
		got, err := opener.Open("r", 3, text)
		if got != nil || !errors.Is(err, seal.ErrSealed) && !errors.Is(err, seal.ErrNoIdentity) {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
	for i := range raw {
		for bit := range 8 {
			changed := bytes.Clone(raw)
			changed[i] ^= 1 << bit
			refused(fmt.Sprintf("bit %d of byte %d", bit, i), base64.StdEncoding.EncodeToString(changed))
		}
		refused(fmt.Sprintf("cut at %d", i), base64.StdEncoding.EncodeToString(raw[:i]))
	}
	refused("one more", base64.StdEncoding.EncodeToString(append(bytes.Clone(raw), 0)))
	refused("a line end", text[:8]+"\n"+text[8:])
	refused("an age file", sealedByAge)
	if _, err := foreign.Open("r", 3, text); !errors.Is(err, seal.ErrNoIdentity) {
		t.Error("another data key:", err)
	}
	for _, text := range []string{"", "AQ==", sealedByAge, strings.Repeat("!", 30)} {
		if id, ok := seal.DataKeyOf(text); ok {
			t.Errorf("%.20s names the key %s", text, id)
		}
	}
}

func TestADataKeyIsSpentByCountBytesAndAge(t *testing.T) {
	for name, c := range map[string]struct {
		limits seal.DataKeyLimits
		good   int
		at     func(i int) time.Time
	}{
		"count":             {seal.DataKeyLimits{Records: 5}, 5, func(int) time.Time { return start }},
		"bytes":             {seal.DataKeyLimits{Bytes: 39}, 3, func(int) time.Time { return start }},
		"age":               {seal.DataKeyLimits{Age: time.Minute}, 4, func(i int) time.Time { return start.Add(time.Duration(i) * 20 * time.Second) }},
		"a clock that fell": {seal.DataKeyLimits{Age: time.Minute}, 4, func(i int) time.Time { return start.Add(-time.Duration(i) * 20 * time.Second) }},
	} {
		key, _ := dataKey(t, c.limits)
		for i := range c.good + 3 {
			_, err := key.Seal("r", 0, make([]byte, 10), c.at(i))
			if i < c.good && err != nil || i >= c.good && !errors.Is(err, seal.ErrSpent) {
				t.Errorf("%s, record %d: %v", name, i, err)
			}
		}
	}
	_, to := keyFile(t)
	for _, limits := range []seal.DataKeyLimits{{Records: seal.MaxDataKeyRecords + 1}, {Bytes: seal.MaxDataKeyBytes + 1}, {Age: seal.MaxDataKeyAge + 1}, {Age: -1}} {
		if _, err := seal.NewDataKey(to, limits, start); !errors.Is(err, seal.ErrKey) {
			t.Errorf("%+v: %v", limits, err)
		}
	}
	key, _ := dataKey(t, seal.DataKeyLimits{})
	for i := range 3 {
		if _, err := key.Seal("r", 0, nil, start.Add(time.Duration(i)*seal.DefaultDataKeyAge)); (err == nil) != (i < 2) {
			t.Errorf("the default age, %d days: %v", i, err)
		}
	}
}

func TestADataKeySealsNoMoreThanItsLimitsUnderLoad(t *testing.T) {
	key, _ := dataKey(t, seal.DataKeyLimits{Records: 100})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range 8 {
		wg.Go(func() {
			for range 50 {
				text, err := key.Seal("r", 0, []byte("same"), start)
				mu.Lock()
				if err == nil && seen[text[:60]] {
					t.Error("a nonce came twice")
				}
				if err == nil {
					seen[text[:60]] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 100 {
		t.Errorf("%d records", len(seen))
	}
}

// TestBytesAndTextAreOneForm: and what is opened from bytes leaves them as they are.
func TestBytesAndTextAreOneForm(t *testing.T) {
	key, opener := dataKey(t, seal.DataKeyLimits{})
	raw, err := key.AppendSeal([]byte("before"), "r", 1, []byte("event"), start)
	if err != nil || string(raw[:6]) != "before" || len(raw) != 6+57+5 {
		t.Fatal(len(raw), err)
	}
	raw = raw[6:]
	kept := bytes.Clone(raw)
	for range 2 {
		if plain, err := opener.OpenBytes("r", 1, raw); string(plain) != "event" || err != nil {
			t.Error(string(plain), err)
		}
	}
	if !bytes.Equal(raw, kept) {
		t.Error("the sealed bytes were changed")
	}
	if plain, err := opener.Open("r", 1, base64.StdEncoding.EncodeToString(raw)); string(plain) != "event" || err != nil {
		t.Error(string(plain), err)
	}
	if _, err := opener.OpenBytes("r", 2, raw); !errors.Is(err, seal.ErrSealed) {
		t.Error(err)
	}
	if _, err := opener.OpenBytes("r", 2, make([]byte, seal.MaxPlain+100)); !errors.Is(err, seal.ErrTooLarge) {
		t.Error(err)
	}
	for n := range 57 {
		if _, err := opener.OpenBytes("r", 1, raw[:n]); err == nil {
			t.Error("opened:", n)
		}
	}
}

func TestDataKeysAreOpenedByTheirRecipientsAlone(t *testing.T) {
	ids, to := keyFile(t)
	stranger, _ := keyFile(t)
	key, err := seal.NewDataKey(to, seal.DataKeyLimits{}, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenDataKey(stranger, key.Wrapped()); !errors.Is(err, seal.ErrNoIdentity) {
		t.Error(err)
	}
	for _, n := range []int{0, 16, 31, 33} {
		short, err := seal.Seal(to, make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seal.OpenDataKey(ids, short); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
	if _, err := seal.NewDataKey(nil, seal.DataKeyLimits{}, start); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
}

func TestBoundsOfRecords(t *testing.T) {
	key, opener := dataKey(t, seal.DataKeyLimits{})
	text, err := key.Seal("r", 0, make([]byte, seal.MaxPlain), start)
	if err != nil || len(text) > seal.MaxSealed {
		t.Fatalf("%d %v", len(text), err)
	}
	if plain, err := opener.Open("r", 0, text); len(plain) != seal.MaxPlain || err != nil {
		t.Error(err)
	}
	for _, record := range []string{"", strings.Repeat("r", seal.MaxRecordID+1)} {
		if _, err := key.Seal(record, 0, nil, start); !errors.Is(err, seal.ErrTooLarge) {
			t.Errorf("%q: %v", record, err)
		}
	}
	if _, err := key.Seal("r", 0, make([]byte, seal.MaxPlain+1), start); !errors.Is(err, seal.ErrTooLarge) {
		t.Error(err)
	}
	key.Drop()
	opener.Drop()
	if _, err := key.Seal("r", 0, nil, start); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
	if _, err := opener.Open("r", 0, text); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
	for _, v := range []any{key, opener, *new(seal.DataKeyLimits)} {
		if got := fmt.Sprintf("%v %+v %#v", v, v, v); strings.Contains(got, "aead") {
			t.Error(got)
		}
	}
}

// TestARecordCostsFewAllocations: the buffer and its text.
func TestARecordCostsFewAllocations(t *testing.T) {
	key, _ := dataKey(t, seal.DataKeyLimits{Records: 1 << 20})
	plain := make([]byte, 1000)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := key.Seal("decision", 0, plain, start); err != nil {
			t.Fatal(err)
		}
	}); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzOpenRecord(f *testing.F) {
	key, opener := dataKey(f, seal.DataKeyLimits{})
	text, err := key.Seal("r", 0, []byte("x"), start)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, "r", uint64(0))
	f.Add(sealedByAge, "", uint64(1))
	f.Fuzz(func(t *testing.T, s, record string, position uint64) {
		seal.DataKeyOf(s)
		plain, err := opener.Open(record, position, s)
		if err == nil && (s != text || record != "r" || position != 0) {
			t.Errorf("%q opens as %q", s, plain)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	plain := make([]byte, 1500)
	b.Run("form=data_key", func(b *testing.B) {
		key, _ := dataKey(b, seal.DataKeyLimits{Records: seal.MaxDataKeyRecords})
		for b.Loop() {
			text, err := key.Seal("decision", 0, plain, start)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(text)), "bytes/text")
		}
	})
	b.Run("form=age", func(b *testing.B) {
		_, to := keyFile(b)
		for b.Loop() {
			text, err := seal.Seal(to, plain)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(text)), "bytes/text")
		}
	})
}
