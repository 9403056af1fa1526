package seal

import "github.com/issuant/issuant/crypto/secret"

// CheapPassphraseRecipients is PassphraseRecipients with another work factor.
func CheapPassphraseRecipients(p secret.Text, workFactor int) (*Recipients, error) {
	return passphraseRecipients(p, workFactor)
}

const (
	MaxHeader  = maxHeader
	NonceBytes = nonceBytes
)
