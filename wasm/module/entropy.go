package module

// entropy is what the host has given of randomness.
type entropy struct{}
