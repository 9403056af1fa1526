package build

import "github.com/issuant/issuant/internal/code"

// ErrLink is wrapped by errors about a file that Go's linker made, and that is not of
// the form that this release knows.
var ErrLink = code.New(code.Toolchain, "build: the linked module cannot be rewritten")
