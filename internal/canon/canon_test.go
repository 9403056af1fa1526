package canon_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/canon"
)

func Example() {
	w := canon.NewWriter(nil)
	w.Object().Key("id").String("e-1").Key("score").Float(0.30000000000000004).
		Key("codes").Strings([]string{"FRB", "BNB"}).Key("note").Null().EndObject()
	fmt.Println(string(w.Bytes()))
	// Output: {"id":"e-1","score":0.30000000000000004,"codes":["FRB","BNB"],"note":null}
}

func TestStringsHaveOneForm(t *testing.T) {
	for in, want := range map[string]string{
		"":                     `""`,
		"plain":                `"plain"`,
		`q"b\s`:                `"q\"b\\s"`,
		"\b\f\n\r\t":           `"\b\f\n\r\t"`,
		"\x00\x1f\x7f":         "\"\\u0000\\u001f\x7f\"",
		"<script>&amp;</a>":    `"<script>&amp;</a>"`,
		"é\u2028\u2029😀":       "\"é\u2028\u2029😀\"",
		"bad\xffend":           "\"bad\uFFFDend\"",
		"\xed\xa0\x80":         "\"\uFFFD\uFFFD\uFFFD\"",
		"genuine \uFFFD stays": "\"genuine \uFFFD stays\"",
	} {
		if got := string(canon.AppendString(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestFloatsHaveOneForm(t *testing.T) {
	negativeZero := math.Copysign(0, -1)
	for _, tc := range []struct {
		in   float64
		want string
	}{
		{0, "0"}, {negativeZero, "0"}, {1, "1"}, {-1.5, "-1.5"}, {1e6, "1000000"},
		{0.1, "0.1"}, {1e-6, "0.000001"}, {1e-7, "1e-7"}, {1e20, "100000000000000000000"},
		{1e21, "1e+21"}, {5e-324, "5e-324"}, {1.5e-10, "1.5e-10"}, {-2e-9, "-2e-9"}, {math.MaxFloat64, "1.7976931348623157e+308"},
		{math.NaN(), "null"}, {math.Inf(1), "null"}, {math.Inf(-1), "null"},
	} {
		if got := string(canon.AppendFloat(nil, tc.in)); got != tc.want {
			t.Errorf("%v: got %s, want %s", tc.in, got, tc.want)
		}
	}
}

func TestWriterPlacesCommas(t *testing.T) {
	w := canon.NewWriter([]byte("line: "))
	w.Object().Key("a").Array().Int(-1).Uint(2).Object().EndObject().Array().EndArray().EndArray()
	w.Key("b").Bool(true).Key("c").StringOrNull("").Key("d").StringOrNull("x")
	w.Key("t").Time(time.Date(2026, 11, 23, 12, 0, 0, 500, time.FixedZone("", 3600)))
	w.NonEmpty("e", "").NonEmpty("f", "y").Key("r").Raw([]byte(`{"x":1}`)).Key("s").Strings(nil).EndObject()
	const want = `line: {"a":[-1,2,{},[]],"b":true,"c":null,"d":"x","t":"2026-11-23T11:00:00.0000005Z","f":"y","r":{"x":1},"s":[]}`
	if got := string(w.Bytes()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestIntegersArePlainDecimal(t *testing.T) {
	check := func(i int64) {
		t.Helper()
		if got, want := string(canon.AppendInt([]byte("x"), i)), "x"+strconv.FormatInt(i, 10); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	for _, i := range []int64{math.MinInt64, math.MaxInt64, -1, 1e8 - 1, 1e8, 1e8 + 1, 1 << 32, 1e16 - 1, 1e16} {
		check(i)
	}
	for i := int64(1); i > 0 && i < math.MaxInt64/7; i *= 7 {
		check(i)
	}
	for i := range int64(100_000) {
		check(i)
		check(i * 997)
	}
}

// FuzzAppendString: every string has a JSON form that reads back to the same
// text, bad UTF-8 replaced.
func FuzzAppendString(f *testing.F) {
	f.Add("a\"b\\\x00é\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		enc := canon.AppendString(nil, s)
		if err := json.Unmarshal(enc, &back); err != nil {
			t.Fatalf("%q: %v", enc, err)
		}
		if utf8.ValidString(s) && back != s {
			t.Fatalf("%q reads back as %q", s, back)
		}
		if again := canon.AppendString(nil, back); string(again) != string(enc) {
			t.Fatalf("not canonical: %q, then %q", enc, again)
		}
	})
}

// FuzzAppendTime: instants have the form that package time gives them.
func FuzzAppendTime(f *testing.F) {
	for _, ns := range []int64{0, 1, 10, 999_999_999, 1e6, 120e6, 123_456_000} {
		f.Add(int64(1_795_428_000), ns, 0)
		f.Add(int64(951_782_399), ns, -3*3600)
	}
	f.Add(int64(-62_167_219_200), int64(0), 0) // the year 0
	f.Add(int64(-62_167_219_201), int64(0), 0)
	f.Add(int64(253_402_300_799), int64(999_999_999), 0) // the last of 9999
	f.Add(int64(253_402_300_800), int64(0), 3600)
	f.Fuzz(func(t *testing.T, s, ns int64, offset int) {
		at := time.Unix(s, ns).In(time.FixedZone("", offset%86400))
		want := `"` + at.UTC().Format(time.RFC3339Nano) + `"`
		if got := string(canon.AppendTime(nil, at)); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}

// TestInstantsHaveTheFormOfPackageTime goes through the days of 1,200 years and through
// the seconds of a day.
func TestInstantsHaveTheFormOfPackageTime(t *testing.T) {
	check := func(at time.Time) {
		t.Helper()
		want := at.Format(`"2006-01-02T15:04:05.999999999Z07:00"`)
		if got := string(canon.AppendTime([]byte("x"), at)); got != "x"+want {
			t.Fatalf("%s, want %s", got[1:], want)
		}
	}
	for _, year := range []int{0, 1800, 9600} {
		start := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		for day := range 400*365 + 97 {
			check(start.AddDate(0, 0, day))
		}
	}
	for second := range 86400 {
		check(time.Date(1800, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(second)*time.Second + time.Duration(second%1000)*time.Millisecond))
	}
}

func FuzzAppendFloat(f *testing.F) {
	f.Add(0.1)
	f.Add(1e300)
	f.Fuzz(func(t *testing.T, x float64) {
		enc := canon.AppendFloat(nil, x)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return
		}
		var back float64
		if err := json.Unmarshal(enc, &back); err != nil || back != x {
			t.Fatalf("%v: %s reads back as %v, %v", x, enc, back, err)
		}
	})
}

// TestEightBytesAtOnceAreReadAsOneByOne puts each byte at each place of texts around
// the lengths that are read at once.
func TestEightBytesAtOnceAreReadAsOneByOne(t *testing.T) {
	for n := 1; n <= 26; n++ {
		for at := range n {
			for c := range 256 {
				text := []byte(strings.Repeat("a", n))
				text[at] = byte(c)
				got := string(canon.AppendString(nil, string(text)))
				want := string(canon.AppendString(nil, string(text[at:at+1])))
				want = `"` + strings.Repeat("a", at) + want[1:len(want)-1] + strings.Repeat("a", n-at-1) + `"`
				if got != want {
					t.Fatalf("byte %#x at %d of %d: %s, one by one %s", c, at, n, got, want)
				}
			}
		}
	}
}
