package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/ndjson"
	"github.com/issuant/issuant/internal/strictjson"
)

// batchLine is one request of verify --batch.
type batchLine struct {
	id      string
	now     *time.Time // nil: not given
	method  string
	path    string
	headers map[string][]string
	body    []byte
}

// parseBatchLine reads one line strictly: exactly the members of design.md 5.2,
// of which only "now" may be left out. Header names may differ from each other
// in case only; the verifier joins them. The error quotes nothing of the line.
func parseBatchLine(line []byte) (*batchLine, error) {
	v, err := strictjson.Parse(line, strictjson.Limits{MaxBytes: ndjson.MaxLine, MaxDepth: 4, CaseVariants: true})
	if err != nil {
		return nil, err
	}
	if v.Kind != strictjson.Object {
		return nil, fmt.Errorf("a batch line is a JSON object, not %s", v.Kind)
	}
	b := &batchLine{}
	seen := map[string]bool{}
	for _, m := range v.Members {
		seen[m.Name] = true
		if err := b.member(m.Name, m.Value); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"id", "method", "path", "headers", "body_b64"} {
		if !seen[name] {
			return nil, fmt.Errorf("member %q is missing", name)
		}
	}
	return b, nil
}

func (b *batchLine) member(name string, v strictjson.Value) (err error) {
	switch name {
	case "id":
		b.id, err = text(name, v)
	case "method":
		b.method, err = text(name, v)
	case "path":
		b.path, err = text(name, v)
	case "now":
		b.now, err = unixSeconds(v)
	case "headers":
		b.headers, err = headers(v)
	case "body_b64":
		b.body, err = base64Body(v)
	default:
		return errors.New("a member other than id, now, method, path, headers, body_b64")
	}
	return err
}

func text(name string, v strictjson.Value) (string, error) {
	if v.Kind != strictjson.String {
		return "", fmt.Errorf("%q must be a string, not %s", name, v.Kind)
	}
	return v.Str, nil
}

func unixSeconds(v strictjson.Value) (*time.Time, error) {
	n, ok := v.Int64()
	if !ok {
		return nil, errors.New(`"now" must be an integer of Unix seconds`)
	}
	t, err := parseTime(fmt.Sprint(n))
	if err != nil {
		return nil, errors.New(`"now" is outside the years 1700 to 2200`)
	}
	return &t, nil
}

func headers(v strictjson.Value) (map[string][]string, error) {
	if v.Kind != strictjson.Object {
		return nil, fmt.Errorf(`"headers" must be an object, not %s`, v.Kind)
	}
	h := make(map[string][]string, len(v.Members))
	for _, m := range v.Members {
		items := []strictjson.Value{m.Value}
		if m.Value.Kind == strictjson.Array {
			items = m.Value.Items
		}
		list := make([]string, 0, len(items))
		for _, item := range items {
			if item.Kind != strictjson.String {
				return nil, fmt.Errorf(`a header is a string or an array of strings, not %s`, item.Kind)
			}
			list = append(list, item.Str)
		}
		h[m.Name] = list
	}
	return h, nil
}

func base64Body(v strictjson.Value) ([]byte, error) {
	if v.Kind != strictjson.String {
		return nil, fmt.Errorf(`"body_b64" must be a string, not %s`, v.Kind)
	}
	// The decoder of the standard library passes over line ends; here they are faults.
	if strings.ContainsAny(v.Str, "\r\n") {
		return nil, errors.New(`"body_b64" is not standard Base64 with padding`)
	}
	body, err := base64.StdEncoding.Strict().DecodeString(v.Str)
	if err != nil {
		return nil, errors.New(`"body_b64" is not standard Base64 with padding`)
	}
	return body, nil
}
