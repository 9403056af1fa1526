package httpmsg

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/code"
)

func ExampleRead() {
	req, err := Read([]byte("POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"))
	fmt.Println(req.Method, req.Target, string(req.Body), err)
	_, err = Read([]byte("POST /hook HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}\n"))
	fmt.Println(err)
	// Output:
	// POST /hook {} <nil>
	// request message: body: Content-Length is 2, but 3 bytes follow the head
}

func TestReadTakes(t *testing.T) {
	cases := []struct{ name, in, body string }{
		{"no body", "GET / HTTP/1.1\r\n\r\n", ""},
		{"LF head, CR LF in the body", "POST / HTTP/1.1\nContent-Length: 3\n\na\r\n", "a\r\n"},
		{"chunks", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\n\r\n", "abc0123456789"},
		{"no Host", "POST / HTTP/1.1\r\ncontent-length:1\r\n\r\nx", "x"},
		{"bytes that are not UTF-8 in the body", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\xff\x00", "\xff\x00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req, err := Read([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if string(req.Body) != c.body {
				t.Errorf("body %q, want %q", req.Body, c.body)
			}
		})
	}
}

func TestReadKeepsNamesThatDifferInCaseApart(t *testing.T) {
	req, err := Read([]byte("POST / HTTP/1.1\r\nX-Pismo-Sign: a\r\nx-pismo-sign: b\r\nX-Pismo-Sign: \t c \r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(req.Header); got != "map[X-Pismo-Sign:[a c] x-pismo-sign:[b]]" {
		t.Error(got)
	}
}

func TestReadRefuses(t *testing.T) {
	const post = "POST / HTTP/1.1\r\n"
	cases := []struct{ name, in, want string }{
		{"empty", "", "line 1: the head does not end"},
		{"one blank line first", "\r\n" + post + "\r\n", "line 1: a request line is"},
		{"two blanks", "POST  / HTTP/1.1\r\n\r\n", "line 1: the request target"},
		{"no version", "POST /\r\n\r\n", "line 1: a request line is"},
		{"HTTP/1.0", "POST / HTTP/1.0\r\n\r\n", "line 1: the version is not"},
		{"HTTP/2", "POST / HTTP/2\r\n\r\n", "line 1: the version is not"},
		{"lower-case version", "POST / http/1.1\r\n\r\n", "line 1: the version is not"},
		{"blank at the end", "POST / HTTP/1.1 \r\n\r\n", "line 1: the version is not"},
		{"method", "PO(T / HTTP/1.1\r\n\r\n", "line 1: the method"},
		{"target not ASCII", "POST /\u00e9 HTTP/1.1\r\n\r\n", "line 1: the request target"},
		{"head without end", post + "A: b\r\n", "line 3: the head does not end"},
		{"mixed line ends", post + "A: b\n\r\n", "line 2: lines that end"},
		{"bare CR", post + "A: b\rC: d\r\n\r\n", "line 2: control character"},
		{"NUL", post + "A: \x00\r\n\r\n", "line 2: control character"},
		{"folded", post + "A: b\r\n c\r\n\r\n", "line 3: a folded"},
		{"no colon", post + "A b\r\n\r\n", "line 2: a header field has no colon"},
		{"blank before colon", post + "A : b\r\n\r\n", "line 2: a header name"},
		{"empty name", post + ": b\r\n\r\n", "line 2: a header name"},
		{"length twice", post + "Content-Length: 1\r\ncontent-length: 1\r\n\r\nx", "line 3: Content-Length stands twice"},
		{"length list", post + "Content-Length: 1, 1\r\n\r\nx", "body: Content-Length is not a decimal"},
		{"length signed", post + "Content-Length: +1\r\n\r\nx", "body: Content-Length is not a decimal"},
		{"length beyond 64 bits", post + "Content-Length: 99999999999999999999\r\n\r\nx", "body: Content-Length is not a decimal"},
		{"length too large", post + "Content-Length: 67108865\r\n\r\nx", "body: Content-Length is more than"},
		{"short body", post + "Content-Length: 2\r\n\r\nx", "body: Content-Length is 2, but only 1 byte follow"},
		{"long body", post + "Content-Length: 1\r\n\r\nx\n", "body: Content-Length is 1, but 2 bytes"},
		{"body without length", post + "\r\nx", "body: 1 byte after the head"},
		{"both", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "line 3: Content-Length beside"},
		{"gzip", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "line 2: a Transfer-Encoding other"},
		{"coding twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "line 3: Transfer-Encoding stands twice"},
		{"host twice", post + "Host: a\r\nHost: a\r\n\r\n", "line 3: Host stands twice"},
		{"chunk size", post + "Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n", "body: a chunk size"},
		{"chunk LF", post + "Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n", "body: a chunk has no size line"},
		{"chunk short", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nx\r\n0\r\n\r\n", "body: a chunk does not"},
		{"trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", "body: after the last chunk"},
		{"second message", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + post, "body: after the last chunk"},
		{"many fields", post + strings.Repeat("A: b\r\n", 1025) + "\r\n", "line 1026: more than 1024"},
		{"long head", post + "A: " + strings.Repeat("x", MaxHead) + "\r\n\r\n", "line 2: the head is longer"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read([]byte(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if code.Of(err) != code.BadRequest {
				t.Errorf("code %v", code.Of(err))
			}
		})
	}
}

// What this reader takes, net/http must understand in the same way.
func FuzzReadRequest(f *testing.F) {
	for _, s := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
		"POST /a?b HTTP/1.1\nHost: a\nX-Pismo-Sign: a.b.c\nContent-Length: 0\n\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nA : b\r\n c\r\n\r\n",
		"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		req, err := Read(data)
		if err != nil {
			if code.Of(err) != code.BadRequest {
				t.Fatalf("code %v of %v", code.Of(err), err)
			}
			return
		}
		std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
		if err != nil {
			return // net/http knows more about targets and reserved methods; to be stricter is its right
		}
		body, err := io.ReadAll(std.Body)
		if err != nil || !bytes.Equal(body, req.Body) || std.Method != req.Method {
			t.Fatalf("net/http reads %s %q (%v), we read %s %q", std.Method, body, err, req.Method, req.Body)
		}
	})
}
