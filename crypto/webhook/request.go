package webhook

// Request is what arrived, as far as signatures cover it. Of Header, names match
// without ASCII case and two that differ only in case are one repeated header.
type Request struct {
	Method string              // as received; "" where the scheme does not cover it
	Target string              // path and query as received, "/hooks?a=b"; "" where the scheme does not cover it
	Header map[string][]string // Host among them, where the scheme covers it
	Body   []byte              // as received
}
