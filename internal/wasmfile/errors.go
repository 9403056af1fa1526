package wasmfile

import (
	"fmt"

	"github.com/issuant/issuant/internal/code"
)

// Error says what is wrong with a file that should be a WebAssembly module.
type Error struct {
	Offset int // bytes from the beginning of the file; -1 when no place can be named
	Msg    string
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return "wasmfile: " + e.Msg
	}
	return fmt.Sprintf("wasmfile: at byte %d: %s", e.Offset, e.Msg)
}

// Code returns code.WASMFile.
func (e *Error) Code() uint32 { return uint32(code.WASMFile) }
