// Package httpmsg reads a raw HTTP/1.1 request message that was stored in a file,
// the way a verifier must: what two readers could understand differently is refused.
//
// Taken: one request message of HTTP/1.1 (RFC 9112) and nothing after it. Lines of
// the head end in CR LF, or all of them in LF, as editors write them; a head that
// mixes both is refused, and so is a bare CR. The body is framed by one Content-Length, which must
// be exact, or by Transfer-Encoding: chunked without trailer fields; by neither means
// that there is none. Both at once, folded lines, a repeated Content-Length or Host, blanks
// before a colon and control characters are refused. A missing Host is not: nothing
// is routed here.
package httpmsg

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/issuant/issuant/internal/code"
)

// Bounds, inclusive. They are wide: the verifier has its own, and must be the one
// to call a message too large.
const (
	MaxHead    = 1 << 20  // bytes up to and including the empty line
	MaxBody    = 64 << 20 // bytes
	MaxMessage = MaxHead + 2*MaxBody
	maxFields  = 1024
)

// Request is one request message. Header holds the fields as they were written,
// values in their order; names that differ only in case are different keys.
type Request struct {
	Method string
	Target string
	Header map[string][]string
	Body   []byte
}

// Error tells where a message stops being a request. Its text never quotes the message.
type Error struct {
	Line int // 1-based line of the head; 0 when the fault lies in the body
	Msg  string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return "request message: body: " + e.Msg
	}
	return fmt.Sprintf("request message: line %d: %s", e.Line, e.Msg)
}

// Code returns the code "bad_request".
func (e *Error) Code() uint32 { return uint32(code.BadRequest) }

// Read reads exactly one request message. A Content-Length body shares memory with data.
func Read(data []byte) (*Request, error) {
	r := &reader{rest: data}
	line, err := r.next()
	if err != nil {
		return nil, err
	}
	req := &Request{Header: map[string][]string{}}
	if req.Method, req.Target, err = r.requestLine(line); err != nil {
		return nil, err
	}
	if err := r.fields(req.Header); err != nil {
		return nil, err
	}
	req.Body, err = r.body()
	return req, err
}

type reader struct {
	rest  []byte
	line  int
	head  int    // bytes of the head so far
	eol   string // "\r\n" or "\n", set by the first line
	count int

	length  string // the value of Content-Length
	lengths int
	coding  string // the value of Transfer-Encoding
	codings int
	hosts   int
}

func (r *reader) fail(msg string) error { return &Error{Line: r.line, Msg: msg} }

func (r *reader) next() (string, error) {
	r.line++
	window := r.rest[:min(len(r.rest), MaxHead-r.head+1)]
	i := bytes.IndexByte(window, '\n')
	if i < 0 {
		if len(window) < len(r.rest) {
			return "", r.fail(fmt.Sprintf("the head is longer than %d bytes", MaxHead))
		}
		return "", r.fail("the head does not end with an empty line")
	}
	line, eol := r.rest[:i], "\n"
	if i > 0 && line[i-1] == '\r' {
		line, eol = line[:i-1], "\r\n"
	}
	if r.eol == "" {
		r.eol = eol
	}
	if r.eol != eol {
		return "", r.fail("lines that end in CR LF are mixed with lines that end in LF")
	}
	for _, c := range line {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return "", r.fail("control character")
		}
	}
	r.head += i + 1
	r.rest = r.rest[i+1:]
	return string(line), nil
}

func (r *reader) requestLine(line string) (method, target string, err error) {
	method, rest, ok := strings.Cut(line, " ")
	target, version, ok2 := strings.Cut(rest, " ")
	if !ok || !ok2 {
		return "", "", r.fail("a request line is METHOD TARGET HTTP/1.1, with single blanks")
	}
	if !isToken(method) {
		return "", "", r.fail("the method is not a token")
	}
	if target == "" || strings.ContainsAny(target, "\t") || !isASCII(target) {
		return "", "", r.fail("the request target is empty or has characters that it cannot have")
	}
	if version != "HTTP/1.1" {
		return "", "", r.fail("the version is not HTTP/1.1")
	}
	return method, target, nil
}

func (r *reader) fields(header map[string][]string) error {
	for {
		line, err := r.next()
		if err != nil {
			return err
		}
		if line == "" {
			return nil
		}
		if r.count++; r.count > maxFields {
			return r.fail(fmt.Sprintf("more than %d header fields", maxFields))
		}
		if line[0] == ' ' || line[0] == '\t' {
			return r.fail("a folded header line")
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return r.fail("a header field has no colon")
		}
		if !isToken(name) {
			return r.fail("a header name is empty or not a token (a blank before the colon?)")
		}
		value = strings.Trim(value, " \t")
		header[name] = append(header[name], value)
		if err := r.framing(name, value); err != nil {
			return err
		}
	}
}

func (r *reader) framing(name, value string) error {
	switch strings.ToLower(name) {
	case "content-length":
		r.length = value
		if r.lengths++; r.lengths > 1 {
			return r.fail("Content-Length stands twice")
		}
	case "transfer-encoding":
		r.coding = value
		if r.codings++; r.codings > 1 {
			return r.fail("Transfer-Encoding stands twice")
		}
		if !strings.EqualFold(value, "chunked") {
			return r.fail("a Transfer-Encoding other than chunked")
		}
	case "host":
		if r.hosts++; r.hosts > 1 {
			return r.fail("Host stands twice")
		}
	}
	if r.lengths > 0 && r.codings > 0 {
		return r.fail("Content-Length beside Transfer-Encoding")
	}
	return nil
}

func (r *reader) body() ([]byte, error) {
	if r.codings > 0 {
		return r.chunked()
	}
	if r.lengths == 0 {
		if n := len(r.rest); n > 0 {
			return nil, bodyError("%s after the head, but there is no Content-Length", plural(n))
		}
		return nil, nil
	}
	n, err := strconv.ParseUint(r.length, 10, 63)
	if err != nil || !isDigits(r.length) {
		return nil, bodyError("Content-Length is not a decimal number")
	}
	if n > MaxBody {
		return nil, bodyError("Content-Length is more than %d", MaxBody)
	}
	switch have := len(r.rest); {
	case have < int(n):
		return nil, bodyError("Content-Length is %d, but only %s follow the head", n, plural(have))
	case have > int(n):
		return nil, bodyError("Content-Length is %d, but %s follow the head", n, plural(have))
	}
	return r.rest, nil
}

// chunked reads the chunks; their lines must end in CR LF, whatever the head's did.
func (r *reader) chunked() ([]byte, error) {
	var body []byte
	for {
		i := bytes.Index(r.rest[:min(len(r.rest), 4096)], []byte("\r\n"))
		if i < 0 {
			return nil, bodyError("a chunk has no size line that ends in CR LF")
		}
		size, ext, extended := strings.Cut(string(r.rest[:i]), ";")
		n, err := strconv.ParseUint(size, 16, 32)
		if err != nil || !isHex(size) || extended && !printable(ext) {
			return nil, bodyError("a chunk size is not a hexadecimal number")
		}
		r.rest = r.rest[i+2:]
		if n == 0 {
			break
		}
		if len(body)+int(n) > MaxBody {
			return nil, bodyError("chunks of more than %d bytes", MaxBody)
		}
		if len(r.rest) < int(n)+2 || r.rest[n] != '\r' || r.rest[n+1] != '\n' {
			return nil, bodyError("a chunk does not have the size that its line says")
		}
		body = append(body, r.rest[:n]...)
		r.rest = r.rest[n+2:]
	}
	if string(r.rest) != "\r\n" {
		return nil, bodyError("after the last chunk stands more than an empty line")
	}
	return body, nil
}

func bodyError(format string, args ...any) error {
	return &Error{Msg: fmt.Sprintf(format, args...)}
}

func plural(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.Itoa(n) + " bytes"
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func isHex(s string) bool { return s != "" && strings.Trim(s, "0123456789abcdefABCDEF") == "" }

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
