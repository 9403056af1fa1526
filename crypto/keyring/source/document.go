package source

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/internal/strictjson"
)

// Bounds of a key document, inclusive.
const (
	MaxDocumentBytes = 1 << 20
	MaxKeys          = 256
	maxDepth         = 16
	maxValues        = 1 << 14
)

// ParseKeys reads a key document of others, of either form, told apart by its shape:
// an object with an array "keys" is a JWK set, another object a map from key id to
// PEM certificate. See ParseJWKS and ParseX509Map for results and errors.
func ParseKeys(data []byte) (keys []keyring.Key, warnings []string, err error) {
	if isPEM(data) {
		return nil, nil, &Error{Msg: "a bare PEM file; wanted is a JWK set, or a JSON object from key id to PEM certificate"}
	}
	if isSealed(data) {
		return nil, nil, &Error{Msg: "sealed with age; wanted is a JWK set, or a JSON object from key id to PEM certificate"}
	}
	return Parse(data, Options{})
}

// LoadFile is ParseKeys for a file, of at most 1 MiB, whatever its mode. Its errors
// are *Error.
func LoadFile(path string) (keys []keyring.Key, warnings []string, err error) {
	data, err := filemode.ReadSmall(path)
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, nil, notRead(path, pe)
	} else if err != nil {
		return nil, nil, &Error{File: path, Msg: "larger than 1 MiB"}
	}
	keys, warnings, err = ParseKeys(data)
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = path
	}
	return keys, warnings, err
}

// parse reads the document as an object. Names that differ only in case are
// allowed here, since the names of the X.509 map are key ids, which are exact.
func parse(data []byte) (strictjson.Value, error) {
	v, err := strictjson.Parse(data, strictjson.Limits{
		MaxBytes: MaxDocumentBytes, MaxDepth: maxDepth, MaxValues: maxValues, CaseVariants: true,
	})
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		return v, at(data, e.Offset, "not strict JSON: "+e.Msg)
	}
	if v.Kind != strictjson.Object {
		return v, at(data, v.Off, "holds "+v.Kind.String()+"; wanted is an object")
	}
	return v, nil
}

// at returns an error that points at a byte of the document.
func at(data []byte, offset int, msg string) *Error {
	before := data[:min(offset, len(data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return &Error{
		Line:   bytes.Count(before, []byte("\n")) + 1,
		Column: utf8.RuneCount(before[start:]) + 1,
		Msg:    msg,
	}
}

// collector gathers the keys of a document and what is wrong with single ones.
type collector struct {
	keys     []keyring.Key
	warnings []string
}

func (c *collector) add(k keyring.Key) {
	// What a ring would refuse is warned of here already.
	if ring, err := keyring.NewRing(k); err == nil {
		k = *ring.All()[0]
	}
	if k.Refused != "" {
		c.warnings = append(c.warnings, fmt.Sprintf("key %s is refused: %s", quoteID(k.ID), strings.TrimPrefix(k.Refused, "keyring: ")))
	}
	c.keys = append(c.keys, k)
}

// leaveOut is for entries that no message can name.
func (c *collector) leaveOut(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

func (c *collector) done() ([]keyring.Key, []string, error) {
	if len(c.keys) == 0 {
		msg := "holds no key"
		if len(c.warnings) > 0 {
			msg += ": " + c.warnings[0]
		}
		return nil, c.warnings, &Error{Msg: msg}
	}
	return c.keys, c.warnings, nil
}

// quoteID quotes an id for a one-line text, and cuts a long one.
func quoteID(id string) string {
	if len(id) > 64 {
		return fmt.Sprintf("%q...", id[:64])
	}
	return fmt.Sprintf("%q", id)
}
