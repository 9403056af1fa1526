//go:build modules

package modules

import (
	"embed"
	"io/fs"
)

// dist is made by make build, and is not in the repository.
//
//go:embed dist/*.wasm.gz
var dist embed.FS

var embedded fs.FS = dist
