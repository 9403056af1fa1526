package seal

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"filippo.io/age"

	"github.com/issuant/issuant/crypto/secret"
)

// Recipients are whom something is sealed to: each of them can open it. It is
// immutable and safe for concurrent use; from public keys, it holds no secret.
type Recipients struct {
	keys []age.Recipient
	text []string
}

// ParseRecipients reads public keys, one a line; empty lines and lines that begin
// with # are passed over. An error wraps ErrKey: none, more than MaxKeys, one that
// is neither an X25519 nor a hybrid key of age, one that stands twice, the two kinds
// mixed. A secret key among them is an error that says so.
func ParseRecipients(text []byte) (*Recipients, error) {
	r := &Recipients{}
	var kind string
	err := eachLine(text, func(line string) string {
		key, name, wrong := parseRecipient(line)
		if wrong != "" {
			return wrong
		}
		for _, have := range r.text {
			if have == name {
				return "stands twice"
			}
		}
		this := fmt.Sprintf("%T", key)
		if kind != "" && kind != this {
			return "is of another kind than the keys before it: what is sealed to both would be no safer against quantum computers than without the hybrid key"
		}
		kind = this
		r.keys, r.text = append(r.keys, key), append(r.text, name)
		return ""
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// parseRecipient never asks age for whatever kind a text may be: other kinds name
// programs that would be run.
func parseRecipient(line string) (key age.Recipient, name, wrong string) {
	if strings.HasPrefix(strings.ToUpper(line), "AGE-SECRET-KEY-") {
		return nil, "", "is a secret key; who seals needs the public one (age1...), and must not have this"
	}
	if k, err := age.ParseX25519Recipient(line); err == nil {
		key, name = k, k.String()
	} else if k, err := age.ParseHybridRecipient(line); err == nil {
		key, name = k, k.String()
	} else {
		return nil, "", "is neither an X25519 recipient of age (age1...) nor a hybrid one (age1pq1...)"
	}
	// A point that gives no shared secret parses, but nothing can be sealed to it.
	if _, err := key.Wrap(make([]byte, 16)); err != nil {
		return nil, "", "is a key that nothing can be sealed to"
	}
	return key, name, ""
}

// PassphraseRecipients seals to whoever knows the passphrase, of MinPassphrase bytes
// at least; its bytes count as they are, whatever their script. Sealing takes about a
// second and 256 MiB. An error wraps ErrKey.
func PassphraseRecipients(passphrase secret.Text) (*Recipients, error) {
	return passphraseRecipients(passphrase, WorkFactor)
}

func passphraseRecipients(passphrase secret.Text, workFactor int) (*Recipients, error) {
	text := passphrase.Reveal()
	if len(text) < MinPassphrase || len(text) > MaxPassphrase {
		return nil, fmt.Errorf("%w: a passphrase has %d to %d bytes; four or more random words are a good one", ErrKey, MinPassphrase, MaxPassphrase)
	}
	key, err := age.NewScryptRecipient(text)
	if err != nil {
		return nil, fmt.Errorf("%w: the passphrase cannot be used", ErrKey)
	}
	key.SetWorkFactor(workFactor)
	return &Recipients{keys: []age.Recipient{key}, text: []string{"passphrase"}}, nil
}

// String returns the public keys, with commas between them; "passphrase" for one.
func (r *Recipients) String() string { return strings.Join(r.text, ",") }

// Format prints what String returns, whatever the verb.
func (r *Recipients) Format(s fmt.State, _ rune) {
	// A failed write is the printer's to report; fmt.State has no way to.
	_, _ = io.WriteString(s, r.String())
}

// Identities are the secret keys of a key file, or a passphrase. It is safe for
// concurrent use; no printing verb shows a key.
type Identities struct {
	keys atomic.Pointer[[]age.Identity] // nil after Drop
	to   *Recipients
}

func newIdentities(keys []age.Identity, to *Recipients) *Identities {
	ids := &Identities{to: to}
	ids.keys.Store(&keys)
	return ids
}

// ParseIdentities reads a key file as age-keygen writes it: secret keys, one a
// line, between comments; the kinds may be mixed. An error wraps ErrKey and quotes
// nothing. The caller may clear text afterwards.
func ParseIdentities(text []byte) (*Identities, error) {
	var keys []age.Identity
	to := &Recipients{}
	var err error
	erased(func() {
		err = eachLine(text, func(line string) string {
			key, public, name, wrong := parseIdentity(line)
			if wrong == "" {
				keys, to.keys, to.text = append(keys, key), append(to.keys, public), append(to.text, name)
			}
			return wrong
		})
	})
	if err != nil {
		return nil, err
	}
	return newIdentities(keys, to), nil
}

func parseIdentity(line string) (key age.Identity, public age.Recipient, name, wrong string) {
	if strings.HasPrefix(line, "age1") {
		return nil, nil, "", "is a public key; who opens needs the secret one (AGE-SECRET-KEY-1...)"
	}
	if k, err := age.ParseX25519Identity(line); err == nil {
		return k, k.Recipient(), k.Recipient().String(), ""
	}
	if k, err := age.ParseHybridIdentity(line); err == nil {
		return k, k.Recipient(), k.Recipient().String(), ""
	}
	return nil, nil, "", "is neither an X25519 identity of age (AGE-SECRET-KEY-1...) nor a hybrid one (AGE-SECRET-KEY-PQ-1...)"
}

// PassphraseIdentities opens what was sealed with the passphrase. A file that wants
// more work than MaxWorkFactor is refused. An error wraps ErrKey.
func PassphraseIdentities(passphrase secret.Text) (*Identities, error) {
	text := passphrase.Reveal()
	key, err := age.NewScryptIdentity(text)
	if err != nil || len(text) > MaxPassphrase {
		return nil, fmt.Errorf("%w: a passphrase has 1 to %d bytes", ErrKey, MaxPassphrase)
	}
	key.SetMaxWorkFactor(MaxWorkFactor)
	return newIdentities([]age.Identity{key}, &Recipients{}), nil
}

// Recipients returns the public keys of the key file; after Drop too. Nothing can be
// sealed to those of a passphrase.
func (i *Identities) Recipients() *Recipients { return i.to }

// Drop forgets the keys: nothing can be opened any more. The documentation of the
// package says what that does not promise.
func (i *Identities) Drop() { i.keys.Store(nil) }

func (i *Identities) usable() ([]age.Identity, error) {
	if i == nil {
		return nil, fmt.Errorf("%w: there is no identity", ErrKey)
	}
	keys := i.keys.Load()
	if keys == nil || len(*keys) == 0 {
		return nil, fmt.Errorf("%w: there is no identity, or it was dropped", ErrKey)
	}
	return *keys, nil
}

// Format prints a placeholder, whatever the verb.
func (i *Identities) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "[identities]")
}

// NewKeyFile makes an X25519 key and returns it as a key file, made at now, and its
// public part. The file is a secret: it belongs to the auditor, readable by nobody else.
func NewKeyFile(now time.Time) (file []byte, recipient string, err error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", fmt.Errorf("%w: there is no randomness", ErrKey)
	}
	file, recipient = keyFile(now, key.Recipient().String(), key.String())
	return file, recipient, nil
}

// NewHybridKeyFile is NewKeyFile for a hybrid key, ML-KEM-768 with X25519: for what has
// to stay secret longer than X25519 alone may be safe. Its public part has 1,959 characters.
func NewHybridKeyFile(now time.Time) (file []byte, recipient string, err error) {
	key, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, "", fmt.Errorf("%w: there is no randomness", ErrKey)
	}
	file, recipient = keyFile(now, key.Recipient().String(), key.String())
	return file, recipient, nil
}

func keyFile(now time.Time, recipient, key string) ([]byte, string) {
	return fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n", now.UTC().Format(time.RFC3339), recipient, key), recipient
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
