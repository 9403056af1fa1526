package host

import "log"

// ForExample builds the module.
func ForExample() (module []byte, sha256, cache string) {
	b, err := buildReal("full", "")
	if err != nil {
		log.Fatal(err)
	}
	return b, digest(b), cacheDir()
}
