package modules

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"testing"
	"testing/fstest"

	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
)

func TestUnpackGivesWhatIsCarried(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write([]byte("module"))
	w.Close()
	carried := fstest.MapFS{
		"dist/issuant-decide-accel.wasm.gz": {Data: packed.Bytes()},
		"dist/issuant-full.wasm.gz":         {Data: packed.Bytes()[:10]},
		"dist/issuant-verify.wasm.gz":       {Data: []byte("no gzip")},
	}
	if got, err := unpack(carried, Kind{abi.FlavourDecide, true}); err != nil || string(got) != "module" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := unpack(carried, Kind{abi.FlavourDecide, false}); !errors.Is(err, ErrToolchain) {
		t.Error(err)
	}
	for _, flavour := range []string{abi.FlavourFull, abi.FlavourVerify} {
		if _, err := unpack(carried, Kind{flavour, false}); err == nil {
			t.Errorf("%s: what is damaged was unpacked", flavour)
		}
	}
}

func TestGetRefusesUnknownFlavours(t *testing.T) {
	if _, err := Get(context.Background(), Kind{Flavour: "../../full"}, io.Discard); err == nil {
		t.Error("a flavour that there is not was got")
	}
}

// TestEveryModuleIsCarried tries the tool that make build makes.
func TestEveryModuleIsCarried(t *testing.T) {
	if !Embedded() {
		t.Skip("this build carries no modules: make build makes one that does")
	}
	for _, flavour := range Flavours {
		for _, accel := range []bool{false, true} {
			data, err := Get(context.Background(), Kind{flavour, accel}, io.Discard)
			if err != nil {
				t.Error(err)
				continue
			}
			m, err := wasmfile.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := m.Custom(abi.ManifestSection); !ok {
				t.Errorf("%s, %v: it has no manifest", flavour, accel)
			}
		}
	}
}
