package outbound

// SignBase lets a test sign a text that is no base string.
var SignBase = signBase
