package server

import "github.com/issuant/issuant/crypto/secret"

// ReadSecret reads the file of a secret, of at most 1 MiB, by the rule that holds for
// the secrets of the configuration: nobody but its owner may read it.
func ReadSecret(name string) ([]byte, error) { return readSecret(name) }

// LoadRefKey reads the file of the key of references.
func LoadRefKey(name string) (secret.RefKey, error) { return loadRefKey(name) }
