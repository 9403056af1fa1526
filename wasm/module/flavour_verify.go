//go:build issuant_verify

package module

import "github.com/issuant/issuant/internal/canon"

// built is the flavour that this build holds.
const built = verify

// pack is nothing: this build loads none.
type pack struct{}

func (*pack) describe(*canon.Writer) {}

// answering is nothing: this build verifies and does not answer.
type answering struct{}

func (*answering) readPismo(*object) error { return ErrFlavour }

func (*answering) forgetPack(uint32) {}

// What this build does not have.

func (*instance) load(*call) error        { return ErrFlavour }
func (*instance) decide(*call) error      { return ErrFlavour }
func (*instance) explain(*call) error     { return ErrFlavour }
func (*instance) decideBatch(*call) error { return ErrFlavour }
func (*instance) answer(*call) error      { return ErrFlavour }
