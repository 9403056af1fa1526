// Package keyring holds keys by id, use and validity. Ring is a fixed set, Live
// one that is exchanged as a whole while others read it. Reading documents and
// fetching them is the task of the package source, so that this one stays free
// of net/http and crypto/x509.
package keyring
