package host

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/wasm/abi"
)

// Request is a message as it came in over HTTP, and the instant at which it is judged.
type Request struct {
	// Now is rounded down to milliseconds; the module reads no clock.
	Now time.Time
	// Scheme names the signature scheme, such as "pismo": one of those in the ring.
	Scheme string
	Method string
	// Path is the path with its query, as the sender signed it.
	Path string
	// Header has the values of each name, as received. To a module of ABI 1.0 bytes that are
	// not UTF-8 go as U+FFFD, which no signature header may hold.
	Header map[string][]string
	// Body is what was received, unchanged.
	Body []byte
}

// Decide judges an event, a JSON text, at now and returns the decision. Text that is not one
// JSON value is refused by the module, which reads strictly: nothing in event can reach
// out of its place and change now.
func (p *Pool) Decide(ctx context.Context, now time.Time, event []byte) ([]byte, error) {
	return p.judge(ctx, abi.ExportDecide, now, event)
}

// Explain is Decide, and says why.
func (p *Pool) Explain(ctx context.Context, now time.Time, event []byte) ([]byte, error) {
	return p.judge(ctx, abi.ExportExplain, now, event)
}

func (p *Pool) judge(ctx context.Context, export string, now time.Time, event []byte) ([]byte, error) {
	head := strconv.AppendInt([]byte(`{"now_ms":`), now.UnixMilli(), 10)
	return p.call(ctx, export, append(head, `,"event":`...), event, []byte{'}'})
}

// DecideBatch judges many events in one call: lines holds an object
// {"now_ms": ..., "event": ...} in each line, and so does the answer, in the same order.
func (p *Pool) DecideBatch(ctx context.Context, lines []byte) ([]byte, error) {
	return p.call(ctx, abi.ExportDecideBatch, lines)
}

// Open verifies a message's signature with the keys of the ring. As for Answer, the host
// remembers the replay key.
func (p *Pool) Open(ctx context.Context, r Request) ([]byte, error) {
	return p.request(ctx, abi.ExportOpen, &r)
}

// Answer verifies, decodes, decides, and encodes the answer in the sender's words. Where the
// message is refused the sender gets an answer all the same: its status and body are in the
// Reply of the *GuestError. The module remembers no message: the host finds out, by the
// replay key in the reply, whether one comes for the first time, before it acts on it.
func (p *Pool) Answer(ctx context.Context, r Request) ([]byte, error) {
	return p.request(ctx, abi.ExportAnswer, &r)
}

// request hands a request over as a frame, or as JSON to a module that is older than
// frames.
func (p *Pool) request(ctx context.Context, export string, r *Request) ([]byte, error) {
	return p.callWith(ctx, export, func(in *instance) [][]byte {
		if in.minor < minorFrames {
			return [][]byte{r.json()}
		}
		return [][]byte{r.frame(), r.Body}
	})
}

// minorFrames is the minor version of the ABI that brought frames.
const minorFrames = 1

// frame is the request but for its body. Fields of one name stand together, in whatever
// order the map gives the names: the module takes them in any.
func (r *Request) frame() []byte {
	f := abi.Frame{NowMs: r.Now.UnixMilli(), Scheme: r.Scheme, Method: r.Method, Path: r.Path, Body: r.Body}
	size := abi.FrameHead + len(r.Scheme) + len(r.Method) + len(r.Path)
	for name, values := range r.Header {
		for _, value := range values {
			f.Fields = append(f.Fields, abi.Field{Name: name, Value: value})
			size += abi.FrameField + len(name) + len(value)
		}
	}
	return f.AppendHead(make([]byte, 0, size))
}

// Provision builds a payload for a wallet. Full flavour only.
func (p *Pool) Provision(ctx context.Context, input []byte) ([]byte, error) {
	return p.call(ctx, abi.ExportProvision, input)
}

// Seal encrypts with age. Full flavour only.
func (p *Pool) Seal(ctx context.Context, input []byte) ([]byte, error) {
	return p.call(ctx, abi.ExportSeal, input)
}

// Compile makes a pack of its source. Full flavour only.
func (p *Pool) Compile(ctx context.Context, source []byte) ([]byte, error) {
	return p.call(ctx, abi.ExportCompile, source)
}

// Info says what the module is: versions, flavour, features, limits.
func (p *Pool) Info(ctx context.Context) ([]byte, error) { return p.ask(ctx, abi.ExportInfo) }

// SelfTest lets the module try itself and the randomness that it is given.
func (p *Pool) SelfTest(ctx context.Context) ([]byte, error) { return p.ask(ctx, abi.ExportSelftest) }

func (p *Pool) ask(ctx context.Context, export string) ([]byte, error) {
	return p.with(ctx, 0, func(in *instance) ([]byte, error) { return in.reply(ctx, export) })
}

// json is the request as issuant_open and issuant_answer take it since ABI 1.0.
func (r *Request) json() []byte {
	b := make([]byte, 0, 512+len(r.Body)*4/3)
	b = strconv.AppendInt(append(b, `{"now_ms":`...), r.Now.UnixMilli(), 10)
	b = canon.AppendString(append(b, `,"scheme":`...), r.Scheme)
	b = canon.AppendString(append(b, `,"method":`...), r.Method)
	b = canon.AppendString(append(b, `,"path":`...), r.Path)
	b = append(b, `,"headers":{`...)
	for i, name := range slices.Sorted(maps.Keys(r.Header)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(canon.AppendString(b, name), ':', '[')
		for j, value := range r.Header[name] {
			if j > 0 {
				b = append(b, ',')
			}
			b = canon.AppendString(b, value)
		}
		b = append(b, ']')
	}
	b = base64.StdEncoding.AppendEncode(append(b, `},"body_b64":"`...), r.Body)
	return append(b, `"}`...)
}
