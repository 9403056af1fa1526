package host

import (
	"log"

	"github.com/issuant/issuant/internal/digest"
)

// ForExample builds the module.
func ForExample() (module []byte, sha256, cache string) {
	b, err := buildReal("full", "")
	if err != nil {
		log.Fatal(err)
	}
	return b, digest.Of(b), cacheDir()
}
