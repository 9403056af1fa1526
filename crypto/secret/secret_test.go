package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"expvar"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

func Example() {
	pan, err := secret.ParsePAN("4111111111111111")
	if err != nil {
		fmt.Println(err)
		return
	}
	key, _ := secret.NewRefKey("k1", bytes.Repeat([]byte{7}, 32))
	fmt.Println(pan, pan.Masked())
	fmt.Println(pan.Ref(key)[:12] + "...")
	// Output:
	// [pan] 411111******1111
	// k1:09b1258e4...
}

const (
	digits  = "5063031234567897"
	keyText = "planted-key-bytes-0123456789abcdef"
	otpText = "planted-otp-835291"
)

// plantedForms are the forms in which a leak would show: as text, in hex of both
// cases, as a decimal list of bytes as %v and %d print them, in Base64.
func plantedForms() []string {
	var forms []string
	for _, s := range []string{digits, keyText, otpText} {
		b := []byte(s)
		list := strings.Trim(fmt.Sprint(b), "[]")
		forms = append(forms, s, s[2:10], fmt.Sprintf("%x", b), fmt.Sprintf("%X", b), list,
			strings.ReplaceAll(list, " ", ", "), strings.ReplaceAll(list, " ", ","), fmt.Sprintf("%#v", b)[7:],
			"0x"+fmt.Sprintf("%x", b))
		j, _ := json.Marshal(b)
		forms = append(forms, strings.Trim(string(j), `"`))
	}
	return forms
}

func mustHide(t *testing.T, where, out string) {
	t.Helper()
	for _, f := range plantedForms() {
		if strings.Contains(out, f) {
			t.Errorf("%s betrays a secret: %q", where, out)
			return
		}
	}
}

type exported struct {
	PAN  secret.PAN
	Key  secret.Bytes
	Text secret.Text
}

type hidden struct {
	pan  secret.PAN
	key  secret.Bytes
	text *secret.Text
	any  any
}

type node struct {
	Name string
	In   hidden
	next *hidden
}

// planted returns values that hold the secrets in every kind of container.
func planted(t testing.TB) map[string]any {
	pan, err := secret.ParsePAN(digits)
	if err != nil {
		t.Fatal(err)
	}
	key, text := secret.NewBytes([]byte(keyText)), secret.NewText(otpText)
	h := hidden{pan, key, &text, pan}
	refKey, err := secret.NewRefKey("k1", []byte(keyText))
	if err != nil {
		t.Fatal(err)
	}
	refs, err := secret.NewRefKeys(refKey)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"pan": pan, "*pan": &pan, "key": key, "*key": &key, "text": text, "*text": &text,
		"slice": []secret.PAN{pan}, "array": [1]secret.PAN{pan}, "pointers": []*secret.PAN{&pan}, "any slice": []any{pan, key, &text},
		"map value": map[string]secret.PAN{"a": pan}, "map key": map[secret.PAN]int{pan: 1}, "map of any": map[any]any{key: text, text: pan},
		"exported": exported{pan, key, text}, "*exported": &exported{pan, key, text},
		"hidden": h, "*hidden": &h, "hidden slice": []hidden{h}, "hidden map": map[string]hidden{"a": h}, "hidden map key": map[hidden]bool{h: true},
		"node": node{"n", h, &h}, "*node": &node{"n", h, &h},
		"reflect.Value": reflect.ValueOf(pan), "reflect field": reflect.ValueOf(h).Field(0), "reflect pointer": reflect.ValueOf(h).Field(0).Field(0),
		"error": fmt.Errorf("cannot use %v: %w", pan, panError{pan}), "joined": errors.Join(panError{pan}),
		"stringer": fmt.Stringer(pan), "func": func() secret.PAN { return pan }, "ref key": refKey, "*ref keys": refs,
	}
}

type panError struct{ pan secret.PAN }

func (e panError) Error() string { return fmt.Sprintf("bad card %s %v", e.pan, e.pan) }

func TestNoVerbPrintsASecret(t *testing.T) {
	verbs := "vTtbcdoOqxXUeEfFgGspw!z"
	for name, v := range planted(t) {
		for _, verb := range verbs {
			for _, flags := range []string{"", "+", "#", " ", "0", "-", "#+", "+20.5", "# "} {
				format := "%" + flags + string(verb)
				mustHide(t, name+" "+format, fmt.Sprintf(format, v))
			}
		}
		mustHide(t, name+" Sprint", fmt.Sprint(v))
		mustHide(t, name+" Sprintln", fmt.Sprintln(v, v))
		mustHide(t, name+" extra argument", fmt.Sprintf("%d", 1)+fmt.Sprintf("%[2]*[1]d", v, v))
	}
}

func TestNoEncoderPrintsASecret(t *testing.T) {
	for name, v := range planted(t) {
		for _, value := range []any{v, map[string]any{"x": v}, []any{v}} {
			out, err := json.Marshal(value)
			mustHide(t, name+" json", fmt.Sprint(string(out), err))
			out, err = xml.Marshal(value)
			mustHide(t, name+" xml", fmt.Sprint(string(out), err))
		}
		var buf bytes.Buffer
		err := gob.NewEncoder(&buf).Encode(v)
		mustHide(t, name+" gob", fmt.Sprint(buf.String(), err))
		buf.Reset()
		log.New(&buf, "", 0).Printf("%v %+v", v, v)
		mustHide(t, name+" log", buf.String())
		mustHide(t, name+" expvar", expvar.Func(func() any { return v }).String())
		buf.Reset()
		if strings.HasPrefix(name, "reflect ") {
			continue // text/template itself panics on a field that it may not read
		}
		err = template.Must(template.New("t").Parse(`{{.}} {{printf "%+v" .}} {{html .}} {{js .}} {{len (print .)}}`)).Execute(&buf, v)
		mustHide(t, name+" template", fmt.Sprint(buf.String(), err))
	}
}

func TestGobRefusesASecret(t *testing.T) {
	pan, _ := secret.ParsePAN(digits)
	for _, v := range []any{pan, secret.NewBytes([]byte(keyText)), secret.NewText(otpText), exported{PAN: pan}} {
		if err := gob.NewEncoder(&bytes.Buffer{}).Encode(v); !errors.Is(err, secret.ErrEncode) {
			t.Errorf("%T: err = %v, want ErrEncode", v, err)
		}
	}
}

func TestNoLogHandlerPrintsASecret(t *testing.T) {
	for name, v := range planted(t) {
		var buf bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&buf, nil), slog.NewJSONHandler(&buf, nil)} {
			l := slog.New(h)
			l.Info("m", "v", v)
			l.With("v", v).WithGroup("g").Info("m", slog.Group("in", "v", v), slog.Any("any", []any{v}))
			l.Error(fmt.Sprint(v), "err", fmt.Errorf("x: %w", fmt.Errorf("%v", v)))
		}
		mustHide(t, name+" slog", buf.String())
		if !strings.Contains(buf.String(), "msg=m") {
			t.Fatalf("%s: nothing was logged", name)
		}
	}
}

// walk visits everything that reflection can reach without unsafe, as a dumper
// does, and writes down every string, number and byte list.
func walk(b *strings.Builder, v reflect.Value, depth int) {
	if depth > 12 || !v.IsValid() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		walk(b, v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			walk(b, v.Field(i), depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, " %s", v.Bytes())
		}
		for i := range v.Len() {
			walk(b, v.Index(i), depth+1)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			walk(b, it.Key(), depth+1)
			walk(b, it.Value(), depth+1)
		}
	case reflect.String:
		fmt.Fprintf(b, " %s", v.String())
	case reflect.Func:
		if v.CanInterface() && v.Type().NumIn() == 0 && v.Type().Name() != "" {
			for _, out := range v.Call(nil) {
				walk(b, out, depth+1)
			}
		}
	case reflect.Uint8:
		fmt.Fprintf(b, "%c", v.Uint())
	}
}

func TestNoReflectionWalkReachesASecret(t *testing.T) {
	for name, v := range planted(t) {
		var b strings.Builder
		walk(&b, reflect.ValueOf(v), 0)
		mustHide(t, name+" walk", b.String())
	}
	var b strings.Builder
	walk(&b, reflect.ValueOf(&struct{ in []byte }{[]byte(digits)}), 0)
	if !strings.Contains(b.String(), digits) {
		t.Fatal("the walk does not reach what it should reach")
	}
}

func TestPanicsPrintNoSecret(t *testing.T) {
	if name := os.Getenv("ISSUANT_TEST_PANIC"); name != "" {
		panic(planted(t)[name])
	}
	for name := range planted(t) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPanicsPrintNoSecret$")
		cmd.Env = append(os.Environ(), "ISSUANT_TEST_PANIC="+name)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic: ") {
			t.Fatalf("%s: the process did not panic: %v\n%s", name, err, out)
		}
		mustHide(t, name+" panic", string(out))
	}
}

func TestRevealGivesTheValue(t *testing.T) {
	pan, err := secret.ParsePAN([]byte(digits))
	if err != nil || pan.Reveal() != digits {
		t.Fatalf("Reveal() = %q, %v", pan.Reveal(), err)
	}
	if got := secret.NewText([]byte(otpText)).Reveal(); got != otpText {
		t.Errorf("Text.Reveal() = %q", got)
	}
	own := []byte(keyText)
	key := secret.NewBytes(own)
	clear(own)
	if string(key.Reveal()) != keyText || key.Len() != len(keyText) {
		t.Error("NewBytes does not copy")
	}
}

func TestParsePANTakesOnlyCardNumbers(t *testing.T) {
	for _, good := range []string{"4111111111111111", "5555555555554444", "378282246310005", "30569309025904", "6304000000000000", "501800000009", "6304000000000000000"} {
		if _, err := secret.ParsePAN(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for name, bad := range map[string]string{
		"empty": "", "check digit": "4111111111111112", "11 digits": "41111111112", "20 digits": "41111111111111111114", "blank": "4111 1111 1111 1111",
		"hyphen": "4111-1111-1111-1111", "leading blank": " 4111111111111111", "newline": "4111111111111111\n", "letter": "411111111111111a",
		"arabic digits": "٤١١١١١١١١١١١١١١١", "full width": "４１１１", "nul": "4111111111111111\x00", "masked": "411111******1111",
	} {
		pan, err := secret.ParsePAN(bad)
		if !errors.Is(err, secret.ErrPAN) || !pan.IsZero() {
			t.Errorf("%s: err = %v, want ErrPAN", name, err)
		}
		if err != nil && len(bad) > 6 && strings.Contains(err.Error(), bad[1:6]) {
			t.Errorf("%s: the error quotes the input", name)
		}
	}
}

func TestPartsOfAPAN(t *testing.T) {
	for _, c := range []struct{ digits, bin6, bin8, last4, masked string }{
		{"4111111111111111", "411111", "41111111", "1111", "411111******1111"},
		{"378282246310005", "378282", "", "0005", "378282*****0005"},
		{"30569309025904", "305693", "", "5904", "**********5904"},
		{"501800000009", "501800", "", "0009", "********0009"},
		{"6304000000000000000", "630400", "63040000", "0000", "630400*********0000"},
	} {
		p, err := secret.ParsePAN(c.digits)
		if err != nil {
			t.Fatal(err)
		}
		if p.BIN(6) != c.bin6 || p.BIN(8) != c.bin8 || p.Last4() != c.last4 || p.Masked() != c.masked || p.BIN(7) != "" || p.BIN(19) != "" {
			t.Errorf("%s: %q %q %q %q", c.digits, p.BIN(6), p.BIN(8), p.Last4(), p.Masked())
		}
	}
	var zero secret.PAN
	if zero.BIN(6)+zero.Last4()+zero.Masked()+zero.Reveal() != "" || !zero.IsZero() {
		t.Error("the zero PAN is not empty")
	}
}

func TestEqual(t *testing.T) {
	a, _ := secret.ParsePAN(digits)
	b, _ := secret.ParsePAN([]byte(digits))
	c, _ := secret.ParsePAN("4111111111111111")
	if !a.Equal(b) || a.Equal(c) || a == b {
		t.Error("Equal does not compare digits")
	}
	if (secret.PAN{}).Equal(secret.PAN{}) || (secret.Text{}).Equal(secret.Text{}) || secret.NewBytes(nil).Equal(secret.Bytes{}) {
		t.Error("two absent values are equal")
	}
	if !secret.NewText("123").Equal(secret.NewText([]byte("123"))) || secret.NewText("123").Equal(secret.NewText("1234")) {
		t.Error("Text.Equal is wrong")
	}
}

func TestWipeReachesAllCopies(t *testing.T) {
	pan, _ := secret.ParsePAN(digits)
	copied := pan
	pan.Wipe()
	if !copied.IsZero() || copied.Reveal() != "" || copied.Last4() != "" {
		t.Error("a copy keeps the digits")
	}
	key := secret.NewBytes([]byte(keyText))
	inside := key.Reveal()
	key.Wipe()
	if !bytes.Equal(inside, make([]byte, len(keyText))) || key.Len() != 0 {
		t.Error("the bytes are not overwritten")
	}
	secret.PAN{}.Wipe()
	secret.Bytes{}.Wipe()
	secret.Text{}.Wipe()
}

func TestParseMasked(t *testing.T) {
	for in, want := range map[string]string{
		"411111######0930": "411111******0930", "506303******5057": "506303******5057", "411111XXXXXX0930": "411111******0930",
		"41111122xxxx0930": "41111122****0930", "411111#########0930": "411111*********0930", "378282*****0005": "378282*****0005",
	} {
		m, err := secret.ParseMasked(in)
		if err != nil || m.String() != want || m.Digits != len(in) || m.Last4 != in[len(in)-4:] || !strings.HasPrefix(in, m.BIN) {
			t.Errorf("%s: %+v, %v", in, m, err)
		}
	}
	for _, bad := range []string{"", "4111111111111111", "411111##****0930", "4111######0930", "411111###0930", "411111######093", "411111######09300", "******", "************0930",
		"411111••••••0930", "411111#####10930", "411111##########0930", "411111111####0930", " 411111######0930"} {
		if m, err := secret.ParseMasked(bad); !errors.Is(err, secret.ErrMask) {
			t.Errorf("%s: %+v, %v, want ErrMask", bad, m, err)
		}
	}
	if (secret.Mask{}).String() != "" {
		t.Error("the zero Mask is not empty")
	}
}

func TestRefIsHMACWithKeyID(t *testing.T) {
	// printf 'pan\0%s' 4111111111111111 | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707...07 (32 bytes)
	const want = "k1:09b1258e40416eb10200375d5774f81a48b23ea7dfba192db8c450ce39381f1b"
	key, err := secret.NewRefKey("k1", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	pan, _ := secret.ParsePAN("4111111111111111")
	if got := pan.Ref(key); got != want {
		t.Errorf("Ref() = %s, want %s", got, want)
	}
	if key.Ref("device", []byte(pan.Reveal())) == pan.Ref(key) {
		t.Error("the domain does not enter the reference")
	}
	if (secret.PAN{}).Ref(key) != "" || pan.Ref(secret.RefKey{}) != "" {
		t.Error("nothing has a reference")
	}
}

func TestRefKeysRotate(t *testing.T) {
	k1, _ := secret.NewRefKey("k1", bytes.Repeat([]byte{1}, 32))
	k2, _ := secret.NewRefKey("k2", bytes.Repeat([]byte{2}, 32))
	keys, err := secret.NewRefKeys(k2, k1)
	if err != nil {
		t.Fatal(err)
	}
	refs := keys.All("pan", []byte(digits))
	if len(refs) != 2 || refs[0] != keys.Current().Ref("pan", []byte(digits)) || refs[1] != k1.Ref("pan", []byte(digits)) || keys.Current().ID() != "k2" {
		t.Errorf("All() = %v", refs)
	}
	if _, err := secret.NewRefKeys(k1, k1); !errors.Is(err, secret.ErrRefKeys) {
		t.Errorf("same id twice: %v", err)
	}
	if _, err := secret.NewRefKeys(secret.RefKey{}); !errors.Is(err, secret.ErrRefKey) {
		t.Errorf("zero key: %v", err)
	}
	for _, id := range []string{"", "K1", "a:b", strings.Repeat("a", 17), "a b"} {
		if _, err := secret.NewRefKey(id, bytes.Repeat([]byte{1}, 32)); !errors.Is(err, secret.ErrRefKey) {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if _, err := secret.NewRefKey("k", make([]byte, 31)); code.Of(err) != code.Config {
		t.Errorf("short key: %v", err)
	}
}

func FuzzParsePAN(f *testing.F) {
	for _, s := range []string{digits, "4111111111111111", "411111******1111", "4111 1111 1111 1111", "", "00000000000000000000"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := secret.ParsePAN(in)
		q, err2 := secret.ParsePAN(string(in))
		if (err == nil) != (err2 == nil) || err == nil && !p.Equal(q) {
			t.Fatal("bytes and text differ")
		}
		if err != nil {
			if code.Of(err) != code.PAN {
				t.Fatalf("error without its code: %v", err)
			}
			return
		}
		if p.Reveal() != string(in) || strings.Contains(fmt.Sprintf("%v %+v %#v %x", p, p, p, p), string(in)) {
			t.Fatal("a PAN prints, or changes, its digits")
		}
		if m, err := secret.ParseMasked(p.Masked()); err == nil && m.String() != p.Masked() {
			t.Fatal("a mask does not read back")
		}
	})
}
