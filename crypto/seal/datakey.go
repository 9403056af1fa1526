package seal

import (
	"cmp"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// The text of a sealed record is padded standard Base64 of
//
//	1 byte    1, the version; an age file begins with another byte
//	16 bytes  id of the data key: the beginning of the SHA-256 of its age file
//	24 bytes  nonce, random
//	n bytes   ciphertext of XChaCha20-Poly1305, with its tag of 16 bytes
//
// Additional data: "issuant record 1", a zero byte, the key id, the position as 8 bytes
// with the highest first, and the name of the record.
const (
	dataKeyVersion = 1
	idBytes        = 16
	headBytes      = 1 + idBytes
	nonceBytes     = chacha20poly1305.NonceSizeX
	tagBytes       = chacha20poly1305.Overhead

	aadPrefix = "issuant record 1\x00"
)

// DataKeyLimits say when a data key is spent. A zero stands for the default.
type DataKeyLimits struct {
	Records uint64        // default DefaultDataKeyRecords, at most MaxDataKeyRecords
	Bytes   uint64        // of plain text together; default DefaultDataKeyBytes, at most MaxDataKeyBytes
	Age     time.Duration // since it was made; default DefaultDataKeyAge, at most MaxDataKeyAge
}

func (l DataKeyLimits) withDefaults() (DataKeyLimits, error) {
	l.Records = cmp.Or(l.Records, DefaultDataKeyRecords)
	l.Bytes = cmp.Or(l.Bytes, DefaultDataKeyBytes)
	l.Age = cmp.Or(l.Age, DefaultDataKeyAge)
	if l.Records > MaxDataKeyRecords || l.Bytes > MaxDataKeyBytes || l.Age < 0 || l.Age > MaxDataKeyAge {
		return l, fmt.Errorf("%w: a data key has at most %d records, %d bytes and %v", ErrKey, uint64(MaxDataKeyRecords), uint64(MaxDataKeyBytes), MaxDataKeyAge)
	}
	return l, nil
}

// DataKey seals many records under one random key, which itself is sealed with age to
// the recipients. Whoever uses it keeps Wrapped where it outlives the records, before
// the first of them is kept: without it nobody can open them. It can only seal, and is
// safe for concurrent use; no printing verb shows the key.
type DataKey struct {
	recordKey
	wrapped        string
	born           time.Time
	limits         DataKeyLimits
	records, bytes atomic.Uint64
}

// recordKey is what both sides hold.
type recordKey struct {
	id   [idBytes]byte
	aead atomic.Pointer[cipher.AEAD] // nil after Drop
}

// ID returns the name of the key, 32 hexadecimal digits, which follows from its
// wrapped form.
func (k *recordKey) ID() string { return hex.EncodeToString(k.id[:]) }

// Drop forgets the key; the documentation of the package says what that does not promise.
func (k *recordKey) Drop() { k.aead.Store(nil) }

// Format prints the id, whatever the verb.
func (k *recordKey) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "[data key "+k.ID()+"]")
}

func (k *recordKey) set(file, key []byte) error {
	sum := sha256.Sum256(file)
	copy(k.id[:], sum[:])
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return fmt.Errorf("%w: a data key has %d bytes", ErrKey, chacha20poly1305.KeySize)
	}
	k.aead.Store(&aead)
	return nil
}

func (k *recordKey) usable() (cipher.AEAD, error) {
	if aead := k.aead.Load(); aead != nil {
		return *aead, nil
	}
	return nil, fmt.Errorf("%w: the data key was dropped", ErrKey)
}

// aad returns what a text is bound to.
func (k *recordKey) aad(record string, position uint64) []byte {
	dst := make([]byte, 0, len(aadPrefix)+idBytes+8+len(record))
	dst = append(append(dst, aadPrefix...), k.id[:]...)
	return append(binary.BigEndian.AppendUint64(dst, position), record...)
}

// NewDataKey makes a key that is sealed to the recipients. now is when it begins to
// age. An error wraps ErrKey.
func NewDataKey(to *Recipients, limits DataKeyLimits, now time.Time) (*DataKey, error) {
	limits, err := limits.withDefaults()
	if err != nil {
		return nil, err
	}
	k := &DataKey{born: now, limits: limits}
	erased(func() {
		key := make([]byte, chacha20poly1305.KeySize)
		defer clear(key)
		_, _ = rand.Read(key) // it never fails
		if k.wrapped, err = Seal(to, key); err != nil {
			return
		}
		var file []byte
		if file, err = decode(k.wrapped); err == nil {
			err = k.set(file, key)
		}
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Wrapped returns the key sealed to its recipients, as Seal does.
func (k *DataKey) Wrapped() string { return k.wrapped }

// Seal returns plain sealed and bound to a record: the text opens for that name and
// position alone. The name is one that the record has for ever, of 1 to MaxRecordID
// bytes; the position tells its parts apart, or its place in a sequence. An error
// wraps ErrSpent (a limit is reached: make another key), ErrKey (dropped) or
// ErrTooLarge.
func (k *DataKey) Seal(record string, position uint64, plain []byte, now time.Time) (string, error) {
	raw, err := k.AppendSeal(nil, record, position, plain, now)
	if err != nil {
		return "", err
	}
	return encoding.EncodeToString(raw), nil
}

// AppendSeal is Seal for places that take bytes: it appends what the text of Seal is the
// Base64 of, 57 bytes more than plain. dst and plain must not overlap.
func (k *DataKey) AppendSeal(dst []byte, record string, position uint64, plain []byte, now time.Time) ([]byte, error) {
	aead, err := k.usable()
	if err != nil {
		return dst, err
	}
	if len(plain) > MaxPlain || len(record) > MaxRecordID || record == "" {
		return dst, fmt.Errorf("%w: a record has a name of 1 to %d bytes and at most %d bytes", ErrTooLarge, MaxRecordID, MaxPlain)
	}
	if err := k.spend(len(plain), now); err != nil {
		return dst, err
	}
	if need := headBytes + nonceBytes + len(plain) + tagBytes; cap(dst)-len(dst) < need {
		dst = append(make([]byte, 0, len(dst)+need), dst...)
	}
	dst = append(append(dst, dataKeyVersion), k.id[:]...)
	dst = dst[:len(dst)+nonceBytes]
	nonce := dst[len(dst)-nonceBytes:]
	_, _ = rand.Read(nonce) // it never fails
	return aead.Seal(dst, nonce, plain, k.aad(record, position)), nil
}

// spend counts a record. What is over a limit stays counted: the key is spent for good.
func (k *DataKey) spend(n int, now time.Time) error {
	// A clock that was set back must not make the key young for ever.
	if age := now.Sub(k.born); age > k.limits.Age || age < -k.limits.Age {
		return fmt.Errorf("%w: it is older than %v", ErrSpent, k.limits.Age)
	}
	if k.records.Add(1) > k.limits.Records {
		return fmt.Errorf("%w: it has sealed %d records", ErrSpent, k.limits.Records)
	}
	if k.bytes.Add(uint64(n)) > k.limits.Bytes {
		return fmt.Errorf("%w: it has sealed %d bytes", ErrSpent, k.limits.Bytes)
	}
	return nil
}

// DataKeyOpener opens what a DataKey sealed. It is safe for concurrent use; no
// printing verb shows the key.
type DataKeyOpener struct{ recordKey }

// OpenDataKey opens the wrapped form of a data key. Errors are those of Open.
func OpenDataKey(with *Identities, wrapped string) (*DataKeyOpener, error) {
	k := &DataKeyOpener{}
	var err error
	erased(func() {
		var key, file []byte
		if key, err = Open(with, wrapped); err != nil {
			return
		}
		defer clear(key)
		if len(key) != chacha20poly1305.KeySize {
			err = fmt.Errorf("%w: it holds no data key", ErrSealed)
			return
		}
		if file, err = decode(wrapped); err == nil {
			err = k.set(file, key)
		}
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// DataKeyOf returns the id of the data key that a text was sealed under; false for
// anything else, such as what Seal made.
func DataKeyOf(sealed string) (id string, ok bool) {
	if len(sealed) < 24 {
		return "", false
	}
	var head [18]byte
	if n, err := encoding.Decode(head[:], []byte(sealed[:24])); err != nil || n != len(head) || head[0] != dataKeyVersion {
		return "", false
	}
	return hex.EncodeToString(head[1:headBytes]), true
}

// Open returns what was sealed for that record and position. An error wraps ErrSealed
// (no such text, changed, or sealed for another record or position), ErrNoIdentity
// (under another data key), ErrTooLarge or ErrKey (dropped).
func (k *DataKeyOpener) Open(record string, position uint64, sealed string) ([]byte, error) {
	aead, err := k.usable()
	if err != nil {
		return nil, err
	}
	raw, err := decode(sealed)
	if err != nil {
		return nil, err
	}
	return k.open(aead, record, position, raw, true)
}

// OpenBytes is Open for what AppendSeal appended, which it leaves as it is.
func (k *DataKeyOpener) OpenBytes(record string, position uint64, sealed []byte) ([]byte, error) {
	aead, err := k.usable()
	if err != nil {
		return nil, err
	}
	if len(sealed) > headBytes+nonceBytes+MaxPlain+tagBytes {
		return nil, fmt.Errorf("%w: a sealed record holds at most %d bytes", ErrTooLarge, MaxPlain)
	}
	return k.open(aead, record, position, sealed, false)
}

// open decrypts into the room of raw where that is ours.
func (k *DataKeyOpener) open(aead cipher.AEAD, record string, position uint64, raw []byte, ours bool) ([]byte, error) {
	if len(raw) < headBytes+nonceBytes+tagBytes || raw[0] != dataKeyVersion {
		return nil, fmt.Errorf("%w: it is no record sealed under a data key", ErrSealed)
	}
	if [idBytes]byte(raw[1:headBytes]) != k.id {
		return nil, fmt.Errorf("%w: it is sealed under another data key", ErrNoIdentity)
	}
	nonce, text := raw[headBytes:headBytes+nonceBytes], raw[headBytes+nonceBytes:]
	var room []byte
	if ours {
		room = text[:0]
	}
	plain, err := aead.Open(room, nonce, text, k.aad(record, position))
	if err != nil {
		return nil, fmt.Errorf("%w: it was changed, or sealed for another record", ErrSealed)
	}
	return plain, nil
}
