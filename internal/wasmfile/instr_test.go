package wasmfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/wasmfile"
)

// everything has an instruction of each form, in its shortest form.
var everything = []byte{
	2, 3, 0x7f, 1, 0x7e, // three i32, one i64
	0x02, 0x40, 0x03, 0x7f, 0x04, 0x05, // block, loop with a result, if of the type 5
	0x20, 0x81, 0x01, // local.get 129
	0x05, 0x0b, // else, end
	0x0e, 2, 0, 1, 2, // br_table
	0x11, 3, 0, // call_indirect
	0x28, 2, 0x80, 0x08, 0x37, 3, 0, // i32.load offset=1024, i64.store
	0x3f, 0, 0x40, 0, // memory.size, memory.grow
	0x41, 0x7f, 0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f, // -1, the least i64
	0x43, 1, 2, 3, 0xff, 0x44, 1, 2, 3, 4, 5, 6, 7, 0xff, // floats
	0x6a, 0xc4, // i32.add, i64.extend32_s
	0xfc, 7, 0xfc, 8, 1, 0, 0xfc, 9, 1, 0xfc, 10, 0, 0, 0xfc, 11, 0, // truncation; memory.init, data.drop, copy, fill
	0x0b,
}

func ExampleDecodeCode() {
	c, err := wasmfile.DecodeCode([]byte{1, 2, 0x7f, 0x20, 0, 0x41, 1, 0x6a, 0x0b})
	if err != nil {
		panic(err)
	}
	fmt.Println(c.Locals, len(c.Instrs))
	for _, in := range c.Instrs {
		fmt.Printf("%#x %d\n", uint16(in.Op), in.N)
	}
	// Output:
	// [{2 i32}] 4
	// 0x20 0
	// 0x41 1
	// 0x6a 0
	// 0xb 0
}

func TestCodeIsWrittenAsItWasRead(t *testing.T) {
	c, err := wasmfile.DecodeCode(everything)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Encode(); !bytes.Equal(got, everything) {
		t.Errorf("\n%x\n%x", got, everything)
	}
	long := []byte{0, 0x20, 0x81, 0x80, 0x00, 0x0b}
	if c = must(wasmfile.DecodeCode(long)); !bytes.Equal(c.Encode(), []byte{0, 0x20, 0x01, 0x0b}) {
		t.Errorf("%x", c.Encode())
	}
}

func TestDecodeCodeRefuses(t *testing.T) {
	for name, body := range map[string][]byte{
		"nothing":                   {},
		"no end":                    {0, 0x01},
		"only locals":               {1, 2, 0x7f},
		"a local of no type":        {1, 2, 0x01, 0x0b},
		"exceptions":                {0, 0x06, 0x40, 0x0b, 0x0b},
		"tail calls":                {0, 0x12, 0, 0x0b},
		"typed select":              {0, 0x1c, 1, 0x7f, 0x0b},
		"tables":                    {0, 0x25, 0, 0x0b},
		"references":                {0, 0xd0, 0x70, 0x0b},
		"vectors":                   {0, 0xfd, 0, 0x0b},
		"threads":                   {0, 0xfe, 0, 0x0b},
		"table.init":                {0, 0xfc, 12, 0, 0, 0x0b},
		"a far second number":       {0, 0xfc, 0x87, 0x02, 0x0b},
		"a second memory":           {0, 0x3f, 1, 0x0b},
		"copying to a second":       {0, 0xfc, 10, 1, 0, 0x0b},
		"a constant too long":       {0, 0x41, 0xff, 0xff, 0xff, 0xff, 0x4f, 0x0b},
		"a float cut off":           {0, 0x44, 1, 2, 0x0b},
		"labels that are not there": {0, 0x0e, 200, 0, 0x0b},
	} {
		var e *wasmfile.Error
		if _, err := wasmfile.DecodeCode(body); !errors.As(err, &e) || e.Offset != -1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeCodeReadsMutations(t *testing.T) {
	for i, b := range testutil.Mutations(everything, 5000, 4) {
		checkCode(t, b, fmt.Sprint("mutation ", i))
	}
}

// checkCode holds what was read to what is written of it.
func checkCode(t *testing.T, body []byte, name string) {
	c, err := wasmfile.DecodeCode(body)
	if err != nil {
		return
	}
	once := c.Encode()
	again, err := wasmfile.DecodeCode(once)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(c) || len(once) > len(body) {
		t.Errorf("%s: %x was written as %x: %v", name, body, once, err)
	}
}

func FuzzDecodeCode(f *testing.F) {
	f.Add(everything)
	f.Add([]byte{0, 0x0b})
	f.Fuzz(func(t *testing.T, body []byte) { checkCode(t, body, "input") })
}
