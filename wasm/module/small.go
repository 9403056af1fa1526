//go:build issuant_verify || issuant_decide

package module

// What the small flavours do not have.

type (
	entropy struct{}
	sealing struct{}
	wallets struct{}
)

func (*sealing) readRecipients(o *object) { o.err = ErrFlavour }

func (*ring) readProvision(o *object) { o.err = ErrFlavour }

func (*instance) addEntropy(*call) error { return ErrFlavour }
func (*instance) provision(*call) error  { return ErrFlavour }
func (*instance) seal(*call) error       { return ErrFlavour }
func (*instance) compile(*call) error    { return ErrFlavour }
