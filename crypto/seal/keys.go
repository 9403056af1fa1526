package seal

import (
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"
)

// Recipients are the public keys that a text is sealed to: each of them can open
// it. It is immutable and safe for concurrent use; it holds no secret.
type Recipients struct {
	keys []age.Recipient
	text []string
}

// ParseRecipients reads public keys, one a line; empty lines and lines that begin
// with # are passed over. An error wraps ErrKey: none, more than MaxKeys, one that
// is no X25519 key of age, one that stands twice. A secret key among them is an
// error that says so.
func ParseRecipients(text []byte) (*Recipients, error) {
	r := &Recipients{}
	err := eachLine(text, func(line string) string {
		if strings.HasPrefix(strings.ToUpper(line), "AGE-SECRET-KEY-") {
			return "is a secret key; who seals needs the public one (age1...), and must not have this"
		}
		key, err := age.ParseX25519Recipient(line)
		if err != nil {
			return "is not an X25519 recipient of age (age1...)"
		}
		// A point that gives no shared secret parses, but nothing can be sealed to it.
		if _, err := key.Wrap(make([]byte, 16)); err != nil {
			return "is a key that nothing can be sealed to"
		}
		for _, have := range r.text {
			if have == key.String() {
				return "stands twice"
			}
		}
		r.keys, r.text = append(r.keys, key), append(r.text, key.String())
		return ""
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// String returns the public keys, with commas between them.
func (r *Recipients) String() string { return strings.Join(r.text, ",") }

// Identities are the secret keys of a key file. It is immutable and safe for
// concurrent use; no printing verb shows a key.
type Identities struct {
	keys []age.Identity
	to   *Recipients
}

// ParseIdentities reads a key file as age-keygen writes it: secret keys, one a
// line, between comments. An error wraps ErrKey and quotes nothing.
func ParseIdentities(text []byte) (*Identities, error) {
	ids := &Identities{to: &Recipients{}}
	err := eachLine(text, func(line string) string {
		if strings.HasPrefix(line, "age1") {
			return "is a public key; who opens needs the secret one (AGE-SECRET-KEY-1...)"
		}
		key, err := age.ParseX25519Identity(line)
		if err != nil {
			return "is not an X25519 identity of age (AGE-SECRET-KEY-1...)"
		}
		ids.keys = append(ids.keys, key)
		ids.to.keys = append(ids.to.keys, key.Recipient())
		ids.to.text = append(ids.to.text, key.Recipient().String())
		return ""
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// Recipients returns the public keys of the key file.
func (i *Identities) Recipients() *Recipients { return i.to }

// Format prints a placeholder, whatever the verb.
func (i *Identities) Format(s fmt.State, _ rune) {
	// A failed write is the printer's to report; fmt.State has no way to.
	_, _ = io.WriteString(s, "[identities]")
}

// NewKeyFile makes a key and returns it as a key file, made at now, and its public
// part. The file is a secret: it belongs to the auditor, readable by nobody else.
func NewKeyFile(now time.Time) (file []byte, recipient string, err error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", fmt.Errorf("%w: there is no randomness", ErrKey)
	}
	recipient = key.Recipient().String()
	text := fmt.Sprintf("# created: %s\n# public key: %s\n%s\n", now.UTC().Format(time.RFC3339), recipient, key.String())
	return []byte(text), recipient, nil
}

// eachLine calls key for every line that holds one; what key returns is what is
// wrong with it.
func eachLine(text []byte, key func(line string) (wrong string)) error {
	if len(text) > MaxKeyFile {
		return fmt.Errorf("%w: longer than %d bytes", ErrKey, MaxKeyFile)
	}
	found, n := 0, 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if found++; found > MaxKeys {
			return fmt.Errorf("%w: more than %d keys", ErrKey, MaxKeys)
		}
		wrong := "is too long for a key"
		if len(line) <= maxLine {
			wrong = key(line)
		}
		if wrong != "" {
			return fmt.Errorf("%w: line %d %s", ErrKey, n, wrong)
		}
	}
	if found == 0 {
		return fmt.Errorf("%w: there is none", ErrKey)
	}
	return nil
}
