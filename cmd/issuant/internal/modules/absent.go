//go:build !modules

package modules

import "io/fs"

// embedded are the modules of a tool that make build made; this one has none.
var embedded fs.FS
