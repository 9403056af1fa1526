package module_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/module"
)

func Example() {
	pack, err := starter.Pack()
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := module.New(module.Options{Flavour: abi.FlavourDecide})
	if err != nil {
		fmt.Println(err)
		return
	}
	file := pack.Encode()
	copy(m.In(uint32(len(file))), file)
	m.Load(uint32(len(file)))
	event := `{"now_ms":1795428000000,"event":{"id":"e-1","token":{"source":"manual"},"card":{"type":"PLASTIC","expired":true}}}`
	copy(m.In(uint32(len(event))), event)
	reply := m.Decide(1, uint32(len(event)))
	var d struct {
		Outcome string `json:"outcome"`
	}
	if err := json.Unmarshal(reply[abi.CodeBytes:], &d); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(binary.LittleEndian.Uint32(reply), d.Outcome)
	// Output: 0 red
}

func newModule(tb testing.TB, flavour string) *module.Module {
	tb.Helper()
	m, err := module.New(module.Options{Flavour: flavour})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// put writes an input.
func put(tb testing.TB, m *module.Module, input string) uint32 {
	tb.Helper()
	tray := m.In(uint32(len(input)))
	if tray == nil {
		tb.Fatalf("no tray for %d bytes", len(input))
	}
	copy(tray, input)
	return uint32(len(input))
}

func codeOf(reply []byte) code.Code { return code.Code(binary.LittleEndian.Uint32(reply)) }

// want fails unless a reply has the code, and JSON behind it.
func want(tb testing.TB, reply []byte, c code.Code) {
	tb.Helper()
	if got := codeOf(reply); got != c || !json.Valid(reply[abi.CodeBytes:]) {
		tb.Errorf("%v, want %v: %s", got, c, reply[abi.CodeBytes:])
	}
}

func starterPack(tb testing.TB) string {
	tb.Helper()
	p, err := starter.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return string(p.Encode())
}

var now = time.UnixMilli(abi.BuiltMs)

const event = `{"now_ms":1795428000000,"event":{"id":"e-1","token":{"source":"manual"}}}`

func TestFlavoursRefuseWhatTheyDoNotHold(t *testing.T) {
	for _, flavour := range []string{abi.FlavourVerify, abi.FlavourDecide} {
		m := newModule(t, flavour)
		want(t, m.Selftest(), code.OK)
		want(t, m.Compile(put(t, m, `{}`)), code.Flavour)
		want(t, m.Seal(1, put(t, m, `{}`)), code.Flavour)
		want(t, m.Provision(1, put(t, m, `{}`)), code.Flavour)
		want(t, m.Entropy(put(t, m, strings.Repeat("x", 32))), code.Flavour)
		if flavour == abi.FlavourVerify {
			want(t, m.Load(put(t, m, starterPack(t))), code.Flavour)
			want(t, m.Decide(1, put(t, m, event)), code.Flavour)
		}
		want(t, m.Ring(put(t, m, `{"format":1,"keys":[],"recipients":[]}`)), code.Flavour)
		want(t, m.Ring(put(t, m, `{"format":1,"keys":[],"schemes":{"standard-webhooks-v1a":{}}}`)), code.AlgorithmAbsent)
	}
	if _, err := module.New(module.Options{Flavour: "tiny"}); code.Of(err) != code.Flavour {
		t.Error(err)
	}
}

func TestTraysAreBounded(t *testing.T) {
	m := newModule(t, abi.FlavourDecide)
	if m.In(abi.MaxTray+1) != nil || m.In(1<<32-1) != nil {
		t.Error("a tray that is too large is given")
	}
	want(t, m.Load(put(t, m, starterPack(t))), code.OK)
	n := put(t, m, event)
	want(t, m.Decide(1, n), code.OK)
	want(t, m.Decide(1, n+1), code.Tray)
	want(t, m.Decide(1, 1<<31), code.Tray)
	want(t, m.Decide(1, 0), code.JSON)
	want(t, m.Decide(1, put(t, m, event[:len(event)-2]+strings.Repeat(" ", abi.MaxEvent)+"}}")), code.Tray)
	want(t, m.Decide(0, put(t, m, event)), code.Handle)
	want(t, m.Decide(2, put(t, m, event)), code.Handle)
	want(t, m.Open(1, put(t, m, event)), code.Handle)
	lines := strings.Repeat("{}\n", abi.MaxBatchLines+1)
	want(t, m.DecideBatch(1, put(t, m, lines)), code.Batch)
	if fresh := newModule(t, abi.FlavourDecide); codeOf(fresh.Decide(1, 4)) != code.Tray {
		t.Error("a length without a tray is taken")
	}
}

func TestHandlesAreBoundedAndNeverComeBack(t *testing.T) {
	m := newModule(t, abi.FlavourDecide)
	ring := `{"format":1,"keys":[]}`
	for range abi.MaxHandles {
		want(t, m.Ring(put(t, m, ring)), code.OK)
	}
	want(t, m.Ring(put(t, m, ring)), code.Handles)
	want(t, m.Load(put(t, m, starterPack(t))), code.Handles)
	want(t, m.Drop(7), code.OK)
	want(t, m.Drop(7), code.Handle)
	reply := m.Ring(put(t, m, ring))
	if want := fmt.Sprintf(`{"handle":%d,`, abi.MaxHandles+1); !strings.HasPrefix(string(reply[4:]), want) {
		t.Errorf("%s, want %s", reply[4:], want)
	}
}

func TestRingsWipeTheTray(t *testing.T) {
	m := newModule(t, abi.FlavourDecide)
	secret := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte("s"), 32))
	for _, document := range []string{
		`{"format":1,"keys":[{"kid":"k","kty":"oct","k":"` + secret + `"}],"schemes":{"stripe":{}}}`,
		`{"format":2,"keys":[{"kid":"k","kty":"oct","k":"` + secret + `"}]}`, // refused, and wiped all the same
		`{"keys":"` + secret,
	} {
		tray := m.In(uint32(len(document)))
		copy(tray, document)
		reply := m.Ring(uint32(len(document)))
		if strings.Trim(string(tray[:cap(tray)]), "\x00") != "" {
			t.Errorf("the tray holds %q", tray)
		}
		if bytes.Contains(reply, []byte(secret)) {
			t.Errorf("the reply holds the secret: %s", reply)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(verb, *m) + fmt.Sprintf(verb, m); text != "[module][module]" {
			t.Errorf("%s prints %q", verb, text)
		}
	}
}

func TestRingsRefuseWhatIsWrong(t *testing.T) {
	m := newModule(t, abi.FlavourDecide)
	pismo := func(s string) string { return `{"format":1,"keys":[],"schemes":{"pismo":{` + s + `}}}` }
	for document, c := range map[string]code.Code{
		`{"format":1}`:                              code.Input,
		`{"keys":[]}`:                               code.Input,
		`{"format":1,"keys":[{}]}`:                  code.Input,
		`{"format":1,"keys":[],"scheme":{}}`:        code.Input,
		`{"format":1,"keys":[],"Keys":[]}`:          code.Input,
		`{"format":1,"keys":[],"schemes":{"x":{}}}`: code.Input,
		pismo(``):                                           code.Config, // accounts
		pismo(`"accounts":["1"],"acounts":[]`):              code.Input,
		pismo(`"accounts":[1]`):                             code.Input,
		pismo(`"accounts":["1"],"skew_ms":600001`):          code.Input,
		pismo(`"accounts":["1"],"max_body":4194305`):        code.Input,
		pismo(`"accounts":["1"],"unsafe_any_account":true`): code.Config,
		`{"format":1,"keys":[],"pismo":{}}`:                 code.Input,
		`{"format":1,"keys":[],"pismo":{"ref_key":{"id":"k1","secret_b64":"AAAA"},"sms":{}}}`: code.Config,
		`{"format":1,"keys":[{"kid":"a","kty":"RSA"},{"kid":"a","kty":"RSA"}]}`:               code.DuplicateKey,
	} {
		if got := codeOf(m.Ring(put(t, m, document))); got != c {
			t.Errorf("%s: %v, want %v", document, got, c)
		}
	}
	want(t, m.Ring(put(t, m, `{"format":1,"keys":[{"kid":"a","kty":"EC"}]}`)), code.OK) // kept, and told of
}

func TestTheInstantIsTheHosts(t *testing.T) {
	m := newModule(t, abi.FlavourDecide)
	want(t, m.Load(put(t, m, starterPack(t))), code.OK)
	for now, c := range map[string]code.Code{
		"1795392000000": code.OK, "1795391999999": code.Clock, "0": code.Clock, "253402300799999": code.OK,
		"253402300800000": code.Clock, "1640995200000": code.Clock, // wazero's default clock: 2022
		"-1": code.Clock, "1.5": code.Input, `"1795428000000"`: code.Input, "null": code.Input,
	} {
		if got := codeOf(m.Decide(1, put(t, m, `{"now_ms":`+now+`,"event":{"id":"e-1"}}`))); got != c {
			t.Errorf("now_ms %s: %v, want %v", now, got, c)
		}
	}
}

// An input as hosts write it is cut without being read; another spelling of the same, and
// one that only looks like it, has the reply that reading gives.
func TestInputsOfOneMeaningHaveOneReply(t *testing.T) {
	m := newModule(t, abi.FlavourDecide)
	want(t, m.Load(put(t, m, starterPack(t))), code.OK)
	decide := func(in string) string { return string(m.Decide(1, put(t, m, in))) }
	const inner = `{"id":"e-1","token":{"source":"manual"}}`
	usual := decide(`{"now_ms":1795428000000,"event":` + inner + `}`)
	if !strings.Contains(usual, `"now":"2026-11-23T10:00:00Z"`) {
		t.Fatalf("%q", usual)
	}
	for _, in := range []string{
		`{ "now_ms":1795428000000,"event":` + inner + `}`,
		`{"now_ms":1795428000000,"event":` + inner + "\n}\n",
		`{"now_ms":1795428000000,"event": ` + inner + ` }`,
		`{"now_ms":1795428000000 ,"event":` + inner + `}`,
		`{"event":` + inner + `,"now_ms":1795428000000}`,
	} {
		if got := decide(in); got != usual {
			t.Errorf("%s: %q, want %q", in, got, usual)
		}
	}
	for _, in := range []string{
		`{"now_ms":0795428000000,"event":` + inner + `}`,
		`{"now_ms":179542800000x,"event":` + inner + `}`,
		`{"now_ms":1795428000000,"event":` + inner + `,"more":1}`,
		`{"now_ms":1795428000000,"event":` + inner + `,"now_ms":1795428000000}`,
		`{"now_ms":1795428000000,"event":}`,
		`{"now_ms":1795428000000,"event":`,
		`{"now_ms":1795428000000,"event"}`,
	} {
		if c := codeOf([]byte(decide(in))); c == code.OK {
			t.Errorf("%s is decided", in)
		}
	}
}

func TestEncryptingWaitsForEntropy(t *testing.T) {
	m := newModule(t, abi.FlavourFull)
	identity, to, err := seal.NewKeyFile(now)
	if err != nil {
		t.Fatal(err)
	}
	want(t, m.Ring(put(t, m, `{"format":1,"keys":[],"recipients":["`+to+`"]}`)), code.OK)
	text := `{"plain_b64":"c2VjcmV0"}`
	want(t, m.Seal(1, put(t, m, text)), code.Entropy)
	for name, random := range map[string]string{"short": strings.Repeat("ab", 15), "": "", "uniform": strings.Repeat("x", 32), "long": strings.Repeat("ab", 2049)} {
		if got := codeOf(m.Entropy(put(t, m, random))); got != code.Entropy && got != code.Randomness {
			t.Errorf("%s: %v", name, got)
		}
	}
	want(t, m.Seal(1, put(t, m, text)), code.Entropy)
	random := "0123456789abcdefghijklmnopqrstuv"
	want(t, m.Entropy(put(t, m, random)), code.OK)
	reply := bytes.Clone(m.Seal(1, put(t, m, text)))
	want(t, reply, code.OK)
	again := m.Seal(1, put(t, m, text))
	if bytes.Equal(reply, again) {
		t.Error("the same text was sealed to the same bytes twice")
	}
	var sealed struct {
		Sealed string `json:"sealed"`
	}
	if err := json.Unmarshal(reply[4:], &sealed); err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(identity)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := seal.Open(ids, sealed.Sealed); err != nil || string(plain) != "secret" {
		t.Errorf("%q %v", plain, err)
	}
	want(t, m.Entropy(put(t, m, random)), code.Randomness) // the same again
	want(t, m.Seal(1, put(t, m, text)), code.Entropy)
}

func TestCompileGivesWhatLoadTakes(t *testing.T) {
	m := newModule(t, abi.FlavourFull)
	files := map[string]string{}
	for _, pattern := range []string{"*.yaml", "rules/*.yaml", "lists/*", "tests/*.yaml"} {
		for _, path := range testutil.Files(t, "/rules/starter/"+pattern) {
			_, name, _ := strings.Cut(path, "rules/starter/")
			files[name] = string(testutil.Read(t, path))
		}
	}
	source, err := json.Marshal(map[string]any{"files": files})
	if err != nil {
		t.Fatal(err)
	}
	reply := m.Compile(put(t, m, string(source)))
	want(t, reply, code.OK)
	var out struct {
		Pack string `json:"pack_b64"`
	}
	if err := json.Unmarshal(reply[4:], &out); err != nil {
		t.Fatal(err)
	}
	pack, err := base64.StdEncoding.DecodeString(out.Pack)
	if err != nil {
		t.Fatal(err)
	}
	if string(pack) != starterPack(t) {
		t.Error("the pack is not what the library compiles")
	}
	want(t, m.Load(put(t, m, string(pack))), code.OK)
	for input, c := range map[string]code.Code{
		`{"files":{}}`: code.Compile, `{"files":{"pack.yaml":"name: x"}}`: code.Compile, `{"files":{"../x":""}}`: code.Input,
		`{"files":{"pack.yaml":1}}`: code.Input, `{"files":[]}`: code.Input, `{}`: code.Input, `[]`: code.Input,
	} {
		reply := m.Compile(put(t, m, input))
		want(t, reply, c)
		if c == code.Compile && !bytes.Contains(reply, []byte(`"diagnostics":[{"code":"R0`)) {
			t.Errorf("%s: no diagnostics: %s", input, reply[4:])
		}
	}
}

// TestPacksThatNeedACompilerAreRefused: the decide flavour has none.
func TestPacksThatNeedACompilerAreRefused(t *testing.T) {
	p, err := starter.Pack()
	if err != nil {
		t.Fatal(err)
	}
	source := string(p.EncodeSource())
	small, whole := newModule(t, abi.FlavourDecide), newModule(t, abi.FlavourFull)
	want(t, small.Load(put(t, small, source)), code.NotLowered)
	want(t, whole.Load(put(t, whole, source)), code.OK)
	for _, damaged := range testutil.Mutations([]byte(starterPack(t)), 300, 1) {
		if reply := small.Load(put(t, small, string(damaged))); codeOf(reply) == code.Internal {
			t.Fatalf("a damaged pack breaks the module: %s", reply[4:])
		}
	}
}

// FuzzInputs feeds whatever it finds to every operation: a code, and JSON.
func FuzzInputs(f *testing.F) {
	for _, s := range []string{event, `{}`, `{"event":{},"now_ms":1795428000000}`, `{"format":1,"keys":[],"schemes":{"stripe":{}}}`,
		`{"now_ms":1795428000000,"scheme":"stripe","headers":{"Stripe-Signature":"t=1,v1=00"},"body_b64":"e30="}`, `{"files":{"pack.yaml":""}}`} {
		f.Add(byte(0), []byte(s))
	}
	frame := abi.Frame{NowMs: 1795428000000, Scheme: "stripe", Fields: []abi.Field{{Name: "Stripe-Signature", Value: "t=1,v1=00"}, {Name: "A", Value: "b"}}, Body: []byte("{}")}
	f.Add(byte(3), append(frame.AppendHead(nil), frame.Body...))
	f.Add(byte(4), append(frame.AppendHead(nil), frame.Body...))
	m := newModule(f, abi.FlavourFull)
	if codeOf(m.Load(put(f, m, starterPack(f)))) != code.OK || codeOf(m.Ring(put(f, m, `{"format":1,"keys":[],"schemes":{"stripe":{}}}`))) != code.OK {
		f.Fatal("the module does not load")
	}
	f.Fuzz(func(t *testing.T, which byte, input []byte) {
		n := put(t, m, string(input))
		var reply []byte
		switch which % 8 {
		case 0:
			reply = m.Decide(1, n)
		case 1:
			reply = m.Explain(1, n)
		case 2:
			reply = m.DecideBatch(1, n)
		case 3:
			reply = m.Open(2, n)
		case 4:
			reply = m.Answer(1, 2, n)
		case 5:
			reply = newModule(t, abi.FlavourFull).Ring(0)
		case 6:
			reply = m.Seal(2, n)
		default:
			reply = m.Compile(n)
		}
		if c := codeOf(reply); c == code.Internal {
			t.Errorf("%q: %s", input, reply[4:])
		} else if which%8 != 2 && !json.Valid(reply[4:]) {
			t.Errorf("%q: not JSON: %s", input, reply[4:])
		}
	})
}
