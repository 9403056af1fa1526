package redact_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/redact"
	"github.com/issuant/issuant/crypto/secret"
)

func Example() {
	log := slog.New(redact.NewHandler(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	log.Info("card 4111 1111 1111 1111 declined", "card", 4111111111111111, "status", 200)
	// Output: level=INFO msg="card [masked] declined" card=[masked] status=200
}

const pan = "5063031234567897"

// shown is what a card number must not look like in a log.
func shown(text string) bool {
	plain := strings.NewReplacer(" ", "", "-", "").Replace(text)
	return strings.Contains(plain, pan) || strings.Contains(plain, pan[:12]) || strings.Contains(text, hex.EncodeToString([]byte(pan)))
}

type stringer struct{ card string }

func (s stringer) String() string { return "card " + s.card }

type failure struct{ card string }

func (f *failure) Error() string { return "no such card: " + f.card }

type texter struct{ card string }

func (t texter) MarshalText() ([]byte, error) { return []byte(t.card), nil }

type valuer struct{ card string }

func (v valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("inner", v.card)) }

type plain struct {
	Card  string
	inner []string
	Bytes []byte
}

type broken struct{ p *plain }

func (b broken) String() string { return b.p.Card }

func TestNoWayIntoALogShowsACardNumber(t *testing.T) {
	spaced := "5063 0312 3456 7897"
	p, err := secret.ParsePAN(pan)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{
		"text": pan, "inside": "x" + pan + "y", "spaced": spaced, "hyphens": "5063-0312-3456-7897", "beside digits": "7 " + spaced + " 12",
		"two": pan + "," + pan, "long run": "00" + pan + "00", "int": int64(5063031234567897), "uint": uint64(5063031234567897),
		"float": float64(5063031234567897), "error": &failure{pan}, "wrapped": fmt.Errorf("a: %w", &failure{spaced}), "joined": errors.Join(&failure{pan}),
		"stringer": stringer{pan}, "text marshaler": texter{pan}, "valuer": valuer{pan}, "bytes": []byte(pan), "raw": json.RawMessage(`{"pan":"` + pan + `"}`),
		"struct": plain{Card: pan, inner: []string{spaced}, Bytes: []byte(pan)}, "pointer": &plain{Card: pan}, "map": map[string]any{pan: pan},
		"list": []string{"a", pan}, "any list": []any{pan, 5063031234567897}, "group": slog.GroupValue(slog.String(pan, pan), slog.Group("g", "n", 5063031234567897)),
		"secret": p, "secret pointer": &p, "secret in a struct": struct{ P secret.PAN }{p}, "bad stringer": broken{}, "nil error": error((*failure)(nil)),
	}
	for _, make := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		for name, v := range values {
			var b bytes.Buffer
			log := slog.New(redact.NewHandler(make(&b)))
			log.Info("message "+pan, "a", v)
			log.With("with", v).WithGroup(pan).Info("x", pan, v)
			log.Info("odd", v)
			if shown(b.String()) {
				t.Errorf("%s: %s", name, b.String())
			}
			if b.Len() == 0 {
				t.Errorf("%s: nothing was logged", name)
			}
		}
	}
}

func TestWhatIsNoCardNumberStays(t *testing.T) {
	digest := strings.Repeat("4111111111111111abcdef0123456789", 2)
	for _, s := range []string{
		"", "status 200", "2026-11-23T10:00:00Z", "127.0.0.1:8080", "98665386", "1234567890", digest, "R12_many_cards", "411111111112", "2026-11-23 10:00:00",
	} {
		if got := redact.Text(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	if got := redact.Text("4111111111111111"); got != redact.Masked {
		t.Errorf("got %q", got)
	}
	var b bytes.Buffer
	slog.New(redact.NewHandler(slog.NewJSONHandler(&b, nil))).Info("m", "n", 7, "f", 1.5, "b", true, "d", time.Second, "l", []string{"a", "b"})
	if !strings.Contains(b.String(), `"n":7,"f":1.5,"b":true,"d":"1s","l":["a","b"]`) {
		t.Error(b.String())
	}
}

func TestALineStaysShort(t *testing.T) {
	var b bytes.Buffer
	slog.New(redact.NewHandler(slog.NewTextHandler(&b, nil))).Info("m", "a", strings.Repeat("a", 1<<20), "e", errors.New(strings.Repeat("b", 1<<20)))
	if b.Len() > 20<<10 {
		t.Errorf("a line of %d bytes", b.Len())
	}
}
