package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/issuant/issuant/engine/enginetest"
)

// signingKit is a key pair for a person who wants to send requests by hand, and
// the files that it takes.
type signingKit struct {
	dir  string
	kid  string
	key  []byte // PEM, PKCS #8
	keys []byte // the map of kid to certificate, as a counterpart serves it
}

// newSigningKit makes a key pair; its certificate is good for a week.
func newSigningKit(dir string, now time.Time) (*signingKit, error) {
	if _, err := os.Stat(filepath.Join(dir, "key.pem")); err == nil {
		return nil, usage("--keys-dir: %s has a key already; name a new folder", dir)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuant demo, throw-away key"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(7 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 20)
	rand.Read(id) // never fails
	k := &signingKit{dir: dir, kid: hex.EncodeToString(id), key: pemText("PRIVATE KEY", pkcs8)}
	k.keys, err = json.MarshalIndent(map[string]string{k.kid: string(pemText("CERTIFICATE", der))}, "", "  ")
	return k, err
}

func pemText(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// write puts the kit's files into its folder, for their owner alone.
func (k *signingKit) write(url string) error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return usage("--keys-dir: %w", plainPathError(k.dir, err))
	}
	script := strings.NewReplacer("@URL@", url, "@KID@", k.kid, "@ACCOUNT@", enginetest.PismoAccount).Replace(sendScript)
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"key.pem", k.key}, {"keys.json", append(k.keys, '\n')}, {"send.sh", []byte(script)},
		{"body.json", jsonText(visa(9001))},
	} {
		if err := writeNew(filepath.Join(k.dir, f.name), f.data); err != nil {
			return usage("--keys-dir: %w", err)
		}
	}
	return nil
}

// writeNew writes a file that was not there before.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return plainPathError(name, err)
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// sendScript signs a body with openssl and sends it with curl.
const sendScript = `#!/bin/sh
# Sign the body in the file $1 and send it to the demo.
# URL, KID, ACCOUNT and NOW (Unix seconds) can be set in the environment.
set -eu
here=$(dirname "$0")
url=${URL:-@URL@}
kid=${KID:-@KID@}
account=${ACCOUNT:-@ACCOUNT@}
now=${NOW:-$(date +%s)}
body=${1:-$here/body.json}

b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

hash=$(openssl dgst -sha256 -binary "$body" | openssl base64 -A)
header=$(printf '{"alg":"RS256","kid":"%s","typ":"JWT"}' "$kid" | b64url)
claims=$(printf '{"account-id":%s,"body-hash":"%s","exp":%s,"iat":%s,"iss":"api.pismo.io","kid":"%s","sub":"api-cards-tokenization"}' \
	"$account" "$hash" $((now + 864000)) "$now" "$kid" | b64url)
signature=$(printf %s "$header.$claims" | openssl dgst -sha256 -sign "$here/key.pem" -binary | b64url)

curl -si -X POST "$url" -H 'Content-Type: application/json' \
	-H "X-Pismo-Sign: $header.$claims.$signature" --data-binary "@$body"
echo
`
