package module

// What this build does not have.

func (*instance) addEntropy(*call) error { return ErrFlavour }
func (*instance) provision(*call) error  { return ErrFlavour }
func (*instance) seal(*call) error       { return ErrFlavour }
func (*instance) compile(*call) error    { return ErrFlavour }
