package ndjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func ExampleReader() {
	r := NewReader(strings.NewReader("a\r\n\nlong\nb"), 3)
	for {
		line, tooLong, err := r.Next()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d %q %v\n", r.Line(), line, tooLong)
	}
	// Output:
	// 1 "a" false
	// 2 "" false
	// 3 "" true
	// 4 "b" false
	// EOF
}

func TestNextTakesALineOfExactlyTheBound(t *testing.T) {
	const bound = 200 << 10 // more than the buffer
	for _, end := range []string{"", "\n", "\r\n"} {
		for _, over := range []int{0, 1, 2} {
			in := strings.Repeat("x", bound+over) + end + "y"
			r := NewReader(iotest.OneByteReader(strings.NewReader(in)), bound)
			line, tooLong, err := r.Next()
			want := over > 0 || end == ""
			if err != nil || tooLong != want || !want && len(line) != bound {
				t.Errorf("end %q, %d over: %d bytes, too long %v, %v", end, over, len(line), tooLong, err)
			}
		}
	}
}

func TestNextReportsAReadError(t *testing.T) {
	boom := errors.New("boom")
	r := NewReader(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(boom)), 0)
	if line, _, err := r.Next(); string(line) != "a" || err != nil {
		t.Fatal(line, err)
	}
	if _, _, err := r.Next(); !errors.Is(err, boom) {
		t.Fatal(err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("a\nbb\r\n\n\rccc"), 2)
	f.Add([]byte("\n"), 1)
	f.Fuzz(func(t *testing.T, data []byte, bound int) {
		bound = 1 + max(0, bound)%64
		r := NewReader(bytes.NewReader(data), bound)
		lines := strings.Split(string(data), "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		for i, want := range lines {
			if i < len(lines)-1 || strings.HasSuffix(string(data), "\n") {
				want = strings.TrimSuffix(want, "\r")
			}
			got, tooLong, err := r.Next()
			if err != nil || tooLong != (len(want) > bound) || !tooLong && string(got) != want || r.Line() != i+1 {
				t.Fatalf("line %d: %q, %v, %v; want %q", i+1, got, tooLong, err, want)
			}
		}
		if _, _, err := r.Next(); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
}
