package mastercard

// SealCBC lets a test seal under a key and an IV that it knows.
var SealCBC = sealCBC
