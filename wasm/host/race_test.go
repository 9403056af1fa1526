//go:build race

package host

// raced: under the race detector wazero compiles some twenty times slower, minutes for the
// real module. What runs at the same time as something else is tried with the small one;
// what compares the real one with the library runs alone.
const raced = true
