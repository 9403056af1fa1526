package seal

import "time"

// Bounds, all inclusive.
const (
	MaxPlain   = 2 << 20  // bytes that are sealed at once; streams have no bound
	MaxSealed  = 3 << 20  // bytes of a sealed text, which is a third longer than what it holds
	MaxKeys    = 16       // recipients, or identities of a key file
	MaxKeyFile = 64 << 10 // bytes of a list of recipients, or of a key file

	MinPassphrase = 12   // bytes, to seal with; to open, one byte is enough
	MaxPassphrase = 1024 // bytes

	// WorkFactor is the base-2 logarithm of scrypt's N for what is sealed with a
	// passphrase: 256 MiB and about a second. MaxWorkFactor is the greatest that is
	// opened (1 GiB, some four seconds): the file names it, so a stranger does.
	WorkFactor    = 18
	MaxWorkFactor = 20

	MaxDocument = 8 << 20 // bytes of a JSON document whose members are sealed or opened
	MaxMembers  = 64      // of a document at once

	MaxRecordID = 256 // bytes of the name of a record that a data key seals

	// maxHeader bounds the header of an age file, give or take what is read ahead. The
	// greatest that Recipients write has some 27 KB; each stanza costs every identity a
	// curve operation, so a longer header is only a way to waste our time.
	maxHeader = 64 << 10
	// maxLine bounds a line that is no comment: a hybrid recipient has 1,959 characters.
	maxLine = 2048
)

// Bounds of DataKeyLimits: what a zero stands for, and the greatest, inclusive. A
// random nonce of 192 bits would allow far more under one key; the bounds keep small
// what the loss of one key opens.
const (
	DefaultDataKeyRecords = 1 << 20
	DefaultDataKeyBytes   = 16 << 30
	DefaultDataKeyAge     = 24 * time.Hour

	MaxDataKeyRecords = 1 << 32
	MaxDataKeyBytes   = 1 << 40
	MaxDataKeyAge     = 400 * 24 * time.Hour
)
