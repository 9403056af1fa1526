package word_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/word"
)

func Example() {
	fmt.Printf("%x\n", word.Load("-ABCDEFGH", 1))
	// Output: 4847464544434241
}

func TestLoadStaysWithinTheText(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("eight bytes of seven are read")
		}
	}()
	t.Error(word.Load("1234567", 0))
}

func TestPartsAreReadAndWrittenLowestByteFirst(t *testing.T) {
	if x := word.Load4("-ABCD", 1); x != 0x44434241 {
		t.Errorf("%#x", x)
	}
	b := []byte("0123456789")
	if word.Store(b, 1, 0x4847464544434241); string(b) != "0ABCDEFGH9" {
		t.Errorf("%s", b)
	}
	if word.Store4(b, 6, 0x64636261); string(b) != "0ABCDEabcd" {
		t.Errorf("%s", b)
	}
}

func TestPartsStayWithinTheirText(t *testing.T) {
	for name, f := range map[string]func(){
		"Load4":  func() { t.Log(word.Load4("123", 0)) },
		"Store":  func() { word.Store(make([]byte, 8, 16), 1, 0) },
		"Store4": func() { word.Store4(make([]byte, 4, 16), 1, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s reaches beyond", name)
				}
			}()
			f()
		}()
	}
}

func TestASCIISeesEveryByte(t *testing.T) {
	for n := range 40 {
		text := bytes.Repeat([]byte{0x7f}, n)
		if !word.ASCII(string(text)) {
			t.Errorf("%d bytes of ASCII are none", n)
		}
		for i := range text {
			text[i] = 0x80
			if word.ASCII(string(text)) {
				t.Errorf("byte %d of %d is not seen", i, n)
			}
			text[i] = 0x7f
		}
	}
}

func TestDecimalReadsWhatStrconvReads(t *testing.T) {
	for _, s := range []string{"00000000", "00000001", "12345678", "90807060", "99999999"} {
		want, _ := strconv.ParseUint(s, 10, 64)
		if n := word.Decimal(word.Load(s, 0) - word.Load("00000000", 0)); n != want {
			t.Errorf("%s: %d", s, n)
		}
	}
}

func TestWithinIsLoad(t *testing.T) {
	const text = "0123456789abcdef"
	for i := range len(text) - 7 {
		if word.Within(text, i) != word.Load(text, i) {
			t.Error(i)
		}
	}
}

func TestEqualAndSameAreEqual(t *testing.T) {
	text := strings.Repeat("0123456789", 4)
	for name, equal := range map[string]func(a, b string) bool{"Equal": word.Equal, "Same": word.Same} {
		for n := range len(text) {
			a := text[:n]
			if !equal(a, strings.Clone(a)) || equal(a, text[:n+1]) {
				t.Errorf("%s of %d bytes", name, n)
			}
			for i := range n {
				if equal(a, a[:i]+"x"+a[i+1:]) {
					t.Errorf("%s of %d bytes, another at %d", name, n, i)
				}
			}
		}
	}
}

func TestShortTextsHaveNumbersOfTheirOwn(t *testing.T) {
	texts := map[uint64]string{}
	var add func(s string)
	add = func(s string) {
		x := word.Short(s)
		if len(s) < 4 || len(s) > 8 || len(s) == 8 && s[7] < ' ' {
			if x != 0 {
				t.Fatalf("%q is %#x", s, x)
			}
		} else if other, ok := texts[x]; ok || x == 0 {
			t.Fatalf("%q and %q are %#x", s, other, x)
		} else {
			texts[x] = s
		}
		if len(s) < 9 {
			for _, c := range "\x00\x07a\xff" {
				add(s + string([]byte{byte(c)}))
			}
		}
	}
	add("")
	if x := word.Short("lost"); x != 'l'|'o'<<8|'s'<<16|'t'<<24|4<<56 {
		t.Errorf("%#x", x)
	}
}

func TestDigitsAreTheDecimalOnes(t *testing.T) {
	for n := uint32(0); n < 1e8; n += 1 + n/500 {
		if back := word.Decimal(word.Digits(n)); back != uint64(n) {
			t.Fatalf("%d becomes %d", n, back)
		}
	}
	for n := range uint32(10_000) {
		for _, m := range []uint32{n, n * 10_000, n*10_000 + 9999} {
			if got, want := word.Digits(m)+0x3030303030303030, word.Load(fmt.Sprintf("%08d", m), 0); got != want {
				t.Fatalf("%d: %#x, want %#x", m, got, want)
			}
		}
	}
}
