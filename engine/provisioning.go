package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/rules"
)

// eventProvision is the kind of an event that asks for a wallet payload.
const eventProvision = "provision"

// Domains of the references device.ref and wallet.account_ref, for secret.RefKey.Ref.
const (
	DeviceRefDomain  = "device"
	AccountRefDomain = "wallet_account"
)

// provisioning is what was decided on an event of kind provision, out of reach of
// whoever holds the Decision.
type provisioning struct {
	id, eventID                               string
	now                                       time.Time
	outcome                                   rules.Outcome
	degraded, failed                          bool
	stepUp                                    []string
	cardRef, network, wallet, account, device string
}

// provisioning keeps what a Granter needs of a decision of kind provision.
func (j *joiner) provisioning() {
	if j.text(j.on.kind) != eventProvision {
		return
	}
	own := func(field int) string { return strings.Clone(j.text(field)) } // the event's texts may be borrowed
	d := j.d
	d.provision = &provisioning{
		id: d.ID, eventID: strings.Clone(d.EventID), now: d.Now, outcome: d.Outcome, degraded: len(d.Degraded) > 0,
		failed: d.SystemError, stepUp: slices.Clone(d.StepUp), cardRef: own(j.on.cardRef), network: own(j.on.network),
		wallet: own(j.on.requestor), account: own(j.on.accountRef), device: own(j.on.deviceRef),
	}
}
