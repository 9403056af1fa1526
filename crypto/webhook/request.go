package webhook

import (
	"slices"
	"strings"
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
}

// Field is one header with one value.
type Field struct{ Name, Value string }

// values returns all values of a header, in the order of HeaderValues.
func (r *Request) values(name string) []string {
	values := r.given(name)
	if values == nil && r.Host != "" && equalASCII(name, "host") {
		return []string{r.Host}
	}
	return values
}

// given returns the values that stand in Header, Fields or both.
func (r *Request) given(name string) []string {
	if len(r.Fields) == 0 {
		return HeaderValues(r.Header, name)
	}
	var list []Field
	for have, values := range r.Header {
		if equalASCII(have, name) {
			for _, value := range values {
				list = append(list, Field{have, value})
			}
		}
	}
	for _, f := range r.Fields {
		if equalASCII(f.Name, name) {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	var values []string
	for _, f := range list {
		values = append(values, f.Value)
	}
	return values
}
