package snapshot

// CompileFrom sets from how many bytes of pack on Build compiles the module, and returns
// what undoes that.
func CompileFrom(bytes int) (undo func()) {
	was := compileFrom
	compileFrom = bytes
	return func() { compileFrom = was }
}
