package benchmarks

import (
	"bytes"
	"crypto"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/trust"
	"github.com/issuant/issuant/rules/starter"
)

// sealing has a data key, and the bare cipher beside it.
type sealing struct {
	key    *seal.DataKey
	opener *seal.DataKeyOpener
	bare   cipher.AEAD
	aad    []byte
}

func newSealing(tb testing.TB) *sealing {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	file, recipient, err := seal.NewKeyFile(now)
	must(err)
	to, err := seal.ParseRecipients([]byte(recipient))
	must(err)
	ids, err := seal.ParseIdentities(file)
	must(err)
	s := &sealing{}
	s.key, err = seal.NewDataKey(to, seal.DataKeyLimits{Records: seal.MaxDataKeyRecords, Bytes: seal.MaxDataKeyBytes}, now)
	must(err)
	s.opener, err = seal.OpenDataKey(ids, s.key.Wrapped())
	must(err)
	s.bare, err = chacha20poly1305.NewX(bytes.Repeat([]byte{7}, chacha20poly1305.KeySize))
	must(err)
	s.aad = []byte("issuant record 1, a key id and a position, decision-1")
	return s
}

// sealBare is the yardstick: a random nonce and the cipher over the same bytes, into a
// buffer of its own as a record needs one.
func (s *sealing) sealBare(plain []byte) []byte {
	out := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(plain)+chacha20poly1305.Overhead)
	_, _ = rand.Read(out)
	return s.bare.Seal(out, out, plain, s.aad)
}

func TestSealedRecordsOpen(t *testing.T) {
	s := newSealing(t)
	for _, n := range []int{0, 200, 1500} {
		text, err := s.key.Seal("decision-1", 0, make([]byte, n), now)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := s.opener.Open("decision-1", 0, text); len(plain) != n || err != nil {
			t.Error(n, err)
		}
		// Bytes are exact, so they may fail: Base64 is 4/3, the head 17 bytes.
		if bare := len(s.sealBare(make([]byte, n))); n >= 200 && float64(len(text)) > 1.5*float64(bare) {
			t.Errorf("a record of %d bytes takes %d, bare %d", n, len(text), bare)
		}
	}
}

// BenchmarkSealRecord: records sealed under a data key, as bytes and as the text that a
// record in JSON holds, as a multiple of the bare cipher.
func BenchmarkSealRecord(b *testing.B) {
	s := newSealing(b)
	for _, n := range []int{200, 1500, 4000} {
		plain := make([]byte, n)
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			const each = 200
			var bare, ours, texts, open []time.Duration
			var text string
			for range b.N {
				bare = append(bare, timed(func() {
					for range each {
						s.sealBare(plain)
					}
				}))
				ours = append(ours, timed(func() {
					for range each {
						if _, err := s.key.AppendSeal(nil, "decision-1", 0, plain, now); err != nil {
							b.Fatal(err)
						}
					}
				}))
				texts = append(texts, timed(func() {
					for range each {
						var err error
						if text, err = s.key.Seal("decision-1", 0, plain, now); err != nil {
							b.Fatal(err)
						}
					}
				}))
				open = append(open, timed(func() {
					for range each {
						if got, err := s.opener.Open("decision-1", 0, text); err != nil || len(got) != n {
							b.Fatal(err)
						}
					}
				}))
			}
			b.ReportMetric(median(ours)/median(bare), "x-bare")
			b.ReportMetric(float64(slices.Min(ours))/float64(slices.Min(bare)), "x-best")
			b.ReportMetric(median(texts)/median(bare), "x-text")
			b.ReportMetric(each*1e9/median(ours), "records/s")
			b.ReportMetric(each*1e9/median(texts), "texts/s")
			b.ReportMetric(each*1e9/median(open), "opened/s")
			b.ReportMetric(float64(len(text)), "bytes/record")
			b.ReportMetric(float64(len(text))/float64(n+chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead), "x-bytes")
		})
	}
}

// BenchmarkSignedPack: a signed pack opened, as a multiple of the bare Ed25519 checks:
// without content, over a text as long as the statement; with the starter pack, over the
// pack itself, as whoever signs the whole file has to.
func BenchmarkSignedPack(b *testing.B) {
	pack, err := starter.Pack()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		content  []byte
		yard     []byte
		required int
	}{
		{"none", nil, make([]byte, 420), 1}, {"none", nil, make([]byte, 420), 2},
		{"starter", pack.Encode(), pack.Encode(), 1}, {"starter", pack.Encode(), pack.Encode(), 2},
	} {
		b.Run(fmt.Sprintf("content=%s/signatures=%d", c.name, c.required), func(b *testing.B) {
			keys, sigs := map[string]ed25519.PublicKey{}, [][]byte{}
			var signers []crypto.Signer
			for i := range c.required {
				public, key, err := ed25519.GenerateKey(nil)
				if err != nil {
					b.Fatal(err)
				}
				keys[fmt.Sprint(i)], signers, sigs = public, append(signers, key), append(sigs, ed25519.Sign(key, c.yard))
			}
			s := trust.Statement{Name: "starter", Revision: 1, NotBefore: now, Expires: now.Add(time.Hour), PackID: pack.ID(), Lists: pack.ID()}
			file, err := trust.Sign(c.content, trust.Pack, s, signers...)
			if err != nil {
				b.Fatal(err)
			}
			root, err := trust.NewRoot(c.required, keys)
			if err != nil {
				b.Fatal(err)
			}
			const each = 20
			var bare, ours []time.Duration
			for range b.N {
				bare = append(bare, timed(func() {
					for range each {
						for i, sig := range sigs {
							if !ed25519.Verify(keys[fmt.Sprint(i)], c.yard, sig) {
								b.Fatal("refused")
							}
						}
					}
				}))
				ours = append(ours, timed(func() {
					for range each {
						if _, err := root.Open(file, trust.Want{Kind: trust.Pack}, now); err != nil {
							b.Fatal(err)
						}
					}
				}))
			}
			b.ReportMetric(median(ours)/median(bare), "x-bare")
			b.ReportMetric(float64(slices.Min(ours))/float64(slices.Min(bare)), "x-best")
			b.ReportMetric(median(ours)/each, "ns/file")
			b.ReportMetric(float64(len(file)), "bytes/file")
		})
	}
}
