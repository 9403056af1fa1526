package applepay

import "time"

// Bounds and defaults; sizes in bytes, inclusive.
const (
	MaxCertificate    = 8 << 10 // each, as DER; Apple's have about 1 KiB
	MinCertificates   = 2       // leaf and intermediate
	MaxCertificates   = 3       // and a root, which is not trusted for standing there
	MaxNonce          = 64      // Apple states no length; 4 are seen
	MaxNonceSignature = 512     // 81 are seen
	MaxActivationData = 16 << 10
	MaxEncryptedPAN   = 16 << 10 // JSON text of encryptedPrimaryAccountNumber
	MinPrefixDigits   = 6        // of primaryAccountNumberPrefix
	MaxPrefixDigits   = 10

	DefaultNonceTTL  = time.Hour // for which a nonce is remembered
	MaxNonceTTL      = 30 * 24 * time.Hour
	DefaultMaxNonces = 1 << 16 // of a memory in the process, some 10 MiB

	maxRoots       = 16
	maxCachedChain = 16
	maxMemberText  = 64 // of networkName, productType, version, and of a format's name
	maxFormats     = 8
)
