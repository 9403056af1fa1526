package server

// ReadSecret reads the file of a secret, of at most 1 MiB, by the rule that holds for
// the secrets of the configuration: nobody but its owner may read it.
func ReadSecret(name string) ([]byte, error) { return readSecret(name) }
