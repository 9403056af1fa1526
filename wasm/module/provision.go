//go:build !issuant_verify && !issuant_decide

package module

func (*instance) provision(*call) error { return ErrFlavour }
