package source_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine/enginetest"
)

// signed is a message of a sender, and how it is opened.
type signed struct {
	header map[string][]string
	body   []byte
}

func message(s *enginetest.PismoSender, now time.Time) signed {
	body := []byte(`{"x":1}`)
	return signed{map[string][]string{webhook.PismoHeader: {s.Sign(body, now, nil)}}, body}
}

func (m signed) open(v *webhook.Verifier, now time.Time) error {
	_, err := v.Open(m.header, m.body, now)
	return err
}

// keyServer answers with what is in force; it may be changed while it runs.
type keyServer struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc]
}

func newKeyServer(t *testing.T) *keyServer {
	s := &keyServer{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.answer.Load())(w, r) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) say(f http.HandlerFunc) { s.answer.Store(&f) }

func (s *keyServer) document(doc []byte) {
	s.say(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(doc) })
}

func (s *keyServer) source(t *testing.T, now func() time.Time) (*source.HTTPS, *webhook.Verifier) {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	h, err := source.NewHTTPS(s.URL, source.HTTPSOptions{RootCAs: pool, Now: now, Timeout: 700 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	v, err := webhook.NewPismo(webhook.PismoOptions{Keys: h, UnsafeAnyAccount: true})
	if err != nil {
		t.Fatal(err)
	}
	return h, v
}

func senders(t *testing.T, now time.Time) (a, b *enginetest.PismoSender) {
	t.Helper()
	a, err := enginetest.NewPismoSender(now)
	if err == nil {
		b, err = enginetest.NewPismoSender(now)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// TestBadSourcesNeverBlockOrChangeVerification: a key server that answers slowly,
// wrongly, hugely, with nothing or not at all, while a message with a known key and
// one with a strange key are opened.
func TestBadSourcesNeverBlockOrChangeVerification(t *testing.T) {
	now := enginetest.Now()
	var clock atomic.Int64
	clock.Store(now.UnixNano())
	a, b := senders(t, now)
	s := newKeyServer(t)
	s.document(a.X509Map())
	h, v := s.source(t, func() time.Time { return time.Unix(0, clock.Load()) })
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	known, strange := message(a, now), message(b, now)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	for name, answer := range map[string]http.HandlerFunc{
		"silent": func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
		"one byte at a time": func(w http.ResponseWriter, r *http.Request) {
			for range 50 {
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		},
		"huge":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, io.LimitReader(spaces{}, 64<<20)) },
		"empty":      func(http.ResponseWriter, *http.Request) {},
		"no keys":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) },
		"other text": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>we are sorry") },
		"an error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example/", http.StatusFound)
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(b.X509Map()[:500])
		},
	} {
		s.say(answer)
		clock.Add(int64(time.Minute)) // an unknown id may cause a fetch again
		refreshed := make(chan error, 1)
		go func() { refreshed <- h.Refresh(context.Background()) }()
		for range 20 {
			if err := known.open(v, now); err != nil {
				t.Errorf("%s: a message with a known key: %v", name, err)
			}
			if err := strange.open(v, now); !errors.Is(err, webhook.ErrKeyUnknown) {
				t.Errorf("%s: a message with a strange key: %v", name, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if h.Await(ctx, b.KeyID()) {
				t.Errorf("%s: the strange key came", name)
			}
			cancel()
		}
		select {
		case err := <-refreshed:
			if err == nil {
				t.Errorf("%s: taken for keys", name)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: the fetch does not end", name)
		}
	}
}

type spaces struct{}

func (spaces) Read(b []byte) (int, error) { return copy(b, strings.Repeat(" ", len(b))), nil }

// TestRotationUnderLoad: messages are opened while keys come and go, and while the
// server sometimes answers rubbish.
func TestRotationUnderLoad(t *testing.T) {
	now := enginetest.Now()
	a, b := senders(t, now)
	s := newKeyServer(t)
	s.document(a.X509Map())
	h, v := s.source(t, func() time.Time { return now })
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	always, sometimes := message(a, now), message(b, now)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var seen, unknown atomic.Int64
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := always.open(v, now); err != nil {
					t.Errorf("a key that never went: %v", err)
					return
				}
				switch err := sometimes.open(v, now); {
				case err == nil:
					seen.Add(1)
				case errors.Is(err, webhook.ErrKeyUnknown):
					unknown.Add(1)
				default:
					t.Errorf("a key that comes and goes: %v", err)
					return
				}
			}
		})
	}
	for i := range 30 {
		switch i % 3 {
		case 0:
			s.document(a.X509Map(b))
		case 1:
			s.document(a.X509Map())
		default:
			s.document([]byte("{"))
		}
		if err := h.Refresh(t.Context()); (err == nil) != (i%3 < 2) {
			t.Error(i, err)
		}
		if _, ok := h.Lookup(b.KeyID()); ok != (i%3 == 0) {
			t.Errorf("after rotation %d the second key is there: %v", i, ok)
		}
	}
	close(stop)
	wg.Wait()
	if seen.Load() == 0 && unknown.Load() == 0 {
		t.Error("nothing was opened")
	}
	t.Log(fmt.Sprint("opened with the second key: ", seen.Load(), ", unknown: ", unknown.Load()))
}
