package seal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Form is how a sealed file is written.
type Form uint8

const (
	Binary   Form = iota // an age file as it is
	Armoured             // PEM with the label AGE ENCRYPTED FILE, for places that take text alone
)

// SealStream returns a writer that seals what is written to it, to every key of to,
// and writes the age file to dst. Close writes the end, without which nobody can open
// the file to its end, and does not close dst. The payload is sealed in chunks of 64
// KiB; its length is visible. An error is that of dst, or wraps ErrKey.
func SealStream(dst io.Writer, to *Recipients, form Form) (io.WriteCloser, error) {
	if to == nil || len(to.keys) == 0 {
		return nil, fmt.Errorf("%w: there is no recipient", ErrKey)
	}
	out := &sink{Writer: dst}
	var text io.WriteCloser
	var below io.Writer = out
	if form == Armoured {
		text = armor.NewWriter(out)
		below = text
	}
	var w io.WriteCloser
	var err error
	erased(func() { w, err = age.Encrypt(below, to.keys...) })
	if out.err != nil {
		return nil, out.err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: age cannot seal to them", ErrKey)
	}
	return &sealer{w, text}, nil
}

// sink remembers the error of the caller's writer, which age wraps in words.
type sink struct {
	io.Writer
	err error
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.Writer.Write(b)
	if err != nil {
		s.err = err
	}
	return n, err
}

type sealer struct {
	io.WriteCloser
	text io.Closer // nil: binary
}

func (s *sealer) Close() error {
	if err := s.WriteCloser.Close(); err != nil {
		return err
	}
	if s.text != nil {
		return s.text.Close()
	}
	return nil
}

// OpenStream returns a reader of what was sealed, binary or armoured. Each chunk is
// authenticated before its first byte is returned, but only io.EOF says that it is
// whole: on any other error what was read before has to be thrown away, since somebody
// may have cut the rest off.
//
// An error is that of src, or wraps ErrSealed (no age file, changed or cut off),
// ErrNoIdentity (sealed to others), ErrTooLarge (a header of more than 64 KiB, or a
// passphrase file that wants too much work) or ErrKey. It quotes nothing of src.
func OpenStream(src io.Reader, with *Identities) (io.Reader, error) {
	keys, err := with.usable()
	if err != nil {
		return nil, err
	}
	in := &spring{Reader: src, left: maxHeader}
	// Armour may begin after blank lines, as it does in a pasted mail.
	text := bufio.NewReaderSize(in, 2048)
	start, _ := text.Peek(1100) // an error comes again below
	var file io.Reader = text
	if bytes.HasPrefix(bytes.TrimLeft(start, " \t\r\n"), []byte("-----BEGIN")) {
		file = armor.NewReader(text)
	}
	var r io.Reader
	erased(func() { r, err = age.Decrypt(file, keys...) })
	if err != nil {
		return nil, in.explain(openError(err))
	}
	in.left = -1
	return &opener{r, in}, nil
}

// openError says in our words why age did not open a header.
func openError(err error) error {
	if _, foreign := errors.AsType[*age.NoIdentityMatchError](err); foreign {
		return ErrNoIdentity
	}
	return fmt.Errorf("%w: its header is not one of age, or was changed", ErrSealed)
}

// spring remembers the error of the caller's reader, and bounds a header.
type spring struct {
	io.Reader
	left int // bytes that the header may still have; negative: it was read
	err  error
}

var errHeader = errors.New("the header is too long")

func (s *spring) Read(b []byte) (int, error) {
	if s.left == 0 {
		s.err = errHeader
		return 0, errHeader
	}
	if s.left > 0 && len(b) > s.left {
		b = b[:s.left]
	}
	n, err := s.Reader.Read(b)
	if s.left > 0 {
		s.left -= n
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// explain returns what the source failed with, or else err.
func (s *spring) explain(err error) error {
	switch {
	case errors.Is(s.err, errHeader):
		return fmt.Errorf("%w: its header has more than %d bytes", ErrTooLarge, maxHeader)
	case s.err != nil:
		return s.err
	}
	return err
}

type opener struct {
	io.Reader
	in *spring
}

func (o *opener) Read(b []byte) (int, error) {
	n, err := o.Reader.Read(b)
	if err == nil || err == io.EOF {
		return n, err
	}
	return 0, o.in.explain(fmt.Errorf("%w: its payload was changed or cut off", ErrSealed))
}
