package webhook

// Request is what arrived, as far as signatures cover it. Of Header, names match
// without ASCII case and two that differ only in case are one repeated header.
type Request struct {
	Method string              // as received; "" where the scheme does not cover it
	Target string              // path and query as received, "/hooks?a=b"; "" where the scheme does not cover it
	Host   string              // of the header Host, for callers whose Header does not have it, as net/http's; else ""
	Header map[string][]string // of the request
	Body   []byte              // as received

	// Scratch is memory in which the Message may keep what it decodes: it must not be used
	// again as long as the Message is. nil: the Message makes its own.
	Scratch []byte
}

// values returns all values of a header.
func (r *Request) values(name string) []string {
	values := HeaderValues(r.Header, name)
	if values == nil && r.Host != "" && equalASCII(name, "host") {
		return []string{r.Host}
	}
	return values
}
