package main

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/issuant/issuant/engine/enginetest"
)

// writePismo puts key files, request messages and a batch into dir, signed as of
// enginetest.Now with throw-away keys.
func writePismo(dir string) error {
	now := enginetest.Now()
	sender, err := enginetest.NewPismoSender(now)
	if err != nil {
		return err
	}
	stranger, err := enginetest.NewPismoSender(now)
	if err != nil {
		return err
	}
	body := []byte(`{"token_id":432}`)
	good := sender.Sign(body, now, nil)
	bad := stranger.Token(enginetest.Claims{"kid": sender.KeyID()}, []byte("{}"))
	files := map[string][]byte{
		"keys.json":     sender.X509Map(),
		"jwks.json":     jwks(sender),
		"empty.json":    []byte("{}"),
		"kid.txt":       []byte(sender.KeyID()),
		"good.http":     message(body, "\r\n", "X-Pismo-Sign: "+good),
		"lf.http":       message(body, "\n", "x-pismo-sign: "+good),
		"bearer.http":   message(body, "\r\n", "Authorization: Bearer "+good),
		"twice.http":    message(body, "\r\n", "X-Pismo-Sign: "+good, "x-pismo-sign: "+good),
		"forged.http":   message(body, "\r\n", "X-Pismo-Sign: "+bad),
		"unsigned.http": message(body, "\r\n"),
		"long.http":     append(message(body, "\r\n", "X-Pismo-Sign: "+good), '\n'),
	}
	var batch bytes.Buffer
	line := func(id string, at time.Time, header any, b []byte) {
		h, _ := json.Marshal(header)
		clock := fmt.Sprintf(`"now":%d,`, at.Unix())
		if at.IsZero() {
			clock = ""
		}
		fmt.Fprintf(&batch, `{"id":%q,%s"method":"POST","path":"/","headers":%s,"body_b64":%q}`+"\n", id, clock, h, base64.StdEncoding.EncodeToString(b))
	}
	one := map[string]string{"X-Pismo-Sign": good}
	line("good", now, one, body)
	line("again", now, one, body)
	batch.WriteString("{\n")
	line("late", now.Add(time.Hour), one, body)
	line("tampered", now, one, append(body[:len(body):len(body)], ' '))
	line("unsigned", now, map[string]string{}, body)
	line("case variants", now, json.RawMessage(fmt.Sprintf(`{"X-Pismo-Sign":%q,"x-pismo-sign":%q}`, good, good)), body)
	line("list", now, map[string][]string{"X-Pismo-Sign": {good}}, body)
	line("list of two", now, map[string][]string{"X-Pismo-Sign": {good, good}}, body)
	line("large", now, one, bytes.Repeat([]byte("x"), 256<<10+1))
	line("clock of the run", time.Time{}, one, body)
	files["batch.ndjson"] = batch.Bytes()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func message(body []byte, eol string, headers ...string) []byte {
	var b bytes.Buffer
	for _, l := range append([]string{"POST /hook HTTP/1.1", "Host: issuer.example", fmt.Sprintf("Content-Length: %d", len(body))}, headers...) {
		b.WriteString(l + eol)
	}
	b.WriteString(eol)
	b.Write(body)
	return b.Bytes()
}

func jwks(s *enginetest.PismoSender) []byte {
	pub := s.Key().Public.(*rsa.PublicKey)
	e := base64.RawURLEncoding.EncodeToString
	return []byte(fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":%q,"n":%q,"e":%q}]}`,
		s.KeyID(), e(pub.N.Bytes()), e(big.NewInt(int64(pub.E)).Bytes())))
}

func TestWritePismo(t *testing.T) {
	if err := writePismo(t.TempDir()); err != nil {
		t.Fatal(err)
	}
}
