package host

import (
	"runtime"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
)

// Runtime is how wazero runs the module.
type Runtime uint8

const (
	// RuntimeCompiler makes machine code of the module, on amd64 and arm64. Elsewhere Open
	// answers ErrRuntime: nothing falls back silently.
	RuntimeCompiler Runtime = iota
	// RuntimeInterpreter runs everywhere, 400 to 5000 times slower than machine code made
	// from Go. It is for comparing, and for platforms without a compiler.
	RuntimeInterpreter
)

// Isolation is how many calls an instance answers.
type Isolation uint8

const (
	// Pooled instances answer one call after another.
	Pooled Isolation = iota
	// PerCall makes an instance for each call and closes it afterwards: nothing of one
	// request is in the memory that the next one sees. It costs what making an instance
	// costs: Pool.Stats has the figures, and a module with a snapshot makes it cheap.
	PerCall
)

// The bounds that stand in Options where a field is zero.
const (
	DefaultMaxMemory = 256 << 20
	DefaultMaxGrowth = 64 << 20
	DefaultMaxUses   = 1_000_000
	DefaultMaxAge    = time.Hour
)

// Options say what a pool runs and within which bounds. The zero value of every field
// but Module and SHA256 is the safe one.
type Options struct {
	// Module is the WASM binary. It must not change while the pool lives.
	Module []byte
	// SHA256 is the digest of Module in hexadecimal, from its manifest: it says that this
	// is the module that was meant. "" is refused, see UnsafeAnyModule.
	SHA256 string
	// UnsafeAnyModule runs a module whose digest nobody has pinned.
	UnsafeAnyModule bool

	// Pack is a compiled pack; every instance loads it. Nil: the calls that need one fail
	// with ErrOptions, unless the module is a snapshot that holds its pack.
	Pack []byte
	// Ring is the document that issuant_ring takes (wasm/ABI.md). The pool keeps a copy of
	// its own and wipes it with the generation; the caller wipes his. Zero: as for Pack.
	Ring secret.Bytes

	// CacheDir is a folder for compiled modules, made with mode 0700 when it is missing: a
	// module of 7 MB takes seconds to compile and less than a tenth of one to open again; the
	// machine code lies in a folder of the digest (see filed). "" keeps
	// none. The folder holds machine code: one that is not ours alone is refused.
	CacheDir string

	Runtime   Runtime
	Isolation Isolation

	// Size bounds the calls that run at once, and so the instances of one generation.
	// 0: GOMAXPROCS, since a module does nothing but compute.
	Size int
	// Warm instances are made by Open and Swap before they return, at most Size of them.
	// 0: one. Isolation PerCall makes one, to see that it works, and closes it.
	Warm int

	// MaxMemory bounds the linear memory of an instance, in bytes, inclusive, rounded down
	// to pages of 64 KiB. 0: DefaultMaxMemory. An instance that needs more traps.
	MaxMemory int64
	// MaxGrowth: an instance whose memory has grown by more bytes than that since it was
	// made is closed after its call. 0: DefaultMaxGrowth.
	MaxGrowth int64
	// MaxUses: an instance is closed after so many calls. 0: DefaultMaxUses.
	MaxUses int
	// MaxAge: an instance is closed after the call that finds it older. 0: DefaultMaxAge.
	MaxAge time.Duration

	// UntrustedModule lets a call end with its context, and its instance with it. Every
	// call takes two to six times as long: for modules that were not built from this
	// repository, whose work nobody has bounded.
	UntrustedModule bool
}

// Change is what Swap puts in the place of what is served. A zero field leaves what is
// there, with one exception: a Module that is a snapshot brings its pack, and what brought
// one is not followed by a module without, unless Pack names one.
type Change struct {
	// Module and SHA256 as in Options; the pool's UnsafeAnyModule goes for it as well.
	Module []byte
	SHA256 string
	// Pack and Ring as in Options.
	Pack []byte
	Ring secret.Bytes
}

// fill puts defaults in the place of zeros, and refuses what cannot work.
func (o *Options) fill() error {
	for _, n := range []int64{int64(o.Size), int64(o.Warm), o.MaxMemory, o.MaxGrowth, int64(o.MaxUses), int64(o.MaxAge)} {
		if n < 0 {
			return code.Wrap(ErrOptions, "a bound is negative")
		}
	}
	orDefault(&o.Size, runtime.GOMAXPROCS(0))
	orDefault(&o.Warm, 1)
	orDefault(&o.MaxMemory, DefaultMaxMemory)
	orDefault(&o.MaxGrowth, DefaultMaxGrowth)
	orDefault(&o.MaxUses, DefaultMaxUses)
	orDefault(&o.MaxAge, DefaultMaxAge)
	switch {
	case o.Warm > o.Size:
		return code.Wrap(ErrOptions, "Warm is more than Size")
	case o.MaxMemory < pageSize || o.MaxMemory > maxPages*pageSize:
		return code.Wrap(ErrOptions, "MaxMemory is less than a page of 64 KiB or more than 4 GiB")
	case o.Runtime > RuntimeInterpreter:
		return code.Wrap(ErrOptions, "no such Runtime")
	case o.Isolation > PerCall:
		return code.Wrap(ErrOptions, "no such Isolation")
	}
	return nil
}

func orDefault[T int | int64 | time.Duration](n *T, value T) {
	if *n == 0 {
		*n = value
	}
}

// checkDigest returns the digest of a module, in hexadecimal, when it is the one wanted.
func checkDigest(module []byte, want string, unsafeAny bool) (string, error) {
	have := digest.Of(module)
	switch {
	case len(module) == 0:
		return "", code.Wrap(ErrOptions, "there is no Module")
	case want == "" && unsafeAny:
		return have, nil
	case want == "":
		return "", code.Wrap(ErrOptions, "SHA256 is empty: name the digest of the module, which its manifest has")
	case !strings.EqualFold(want, have):
		return "", code.Wrap(ErrModule, "its SHA-256 is "+have+", which is not the one that SHA256 names")
	}
	return have, nil
}
