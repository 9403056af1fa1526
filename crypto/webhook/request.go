package webhook

import (
	"maps"
	"slices"
)

// Request is what arrived, as far as signatures cover it. Of Header, names match
// without ASCII case and two that differ only in case are one repeated header.
type Request struct {
	Method string              // as received; "" where the scheme does not cover it
	Target string              // path and query as received, "/hooks?a=b"; "" where the scheme does not cover it
	Host   string              // of the header Host, for callers whose Header does not have it, as net/http's; else ""
	Header map[string][]string // of the request
	Body   []byte              // as received

	// Fields are further headers, for callers that have them one by one: what stands here
	// and in Header belongs together.
	Fields []Field

	// Scratch is memory in which the Message may keep what it decodes: it must not be used
	// again as long as the Message is. nil: the Message makes its own.
	Scratch []byte
}

// Field is one header with one value.
type Field struct{ Name, Value string }

// values returns all values of a header.
func (r *Request) values(name string) []string {
	header := r.Header
	for i := range r.Fields {
		f := &r.Fields[i]
		if !equalASCII(f.Name, name) {
			continue
		}
		if header = maps.Clone(header); header == nil {
			header = map[string][]string{}
		}
		header[f.Name] = append(slices.Clip(header[f.Name]), f.Value)
	}
	values := HeaderValues(header, name)
	if values == nil && r.Host != "" && equalASCII(name, "host") {
		return []string{r.Host}
	}
	return values
}
