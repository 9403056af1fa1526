package pismo

import (
	"maps"
	"slices"
	"strings"
)

// shape is what this package knows of an object: the names of its members, and
// the shapes of those that are objects. A nil shape means that nothing is known of
// what lies below. Names come from the sources that doc.go gives; that a name is
// here does not mean that its value is read.
type shape struct {
	members map[string]*shape
	table   []entry // of members and places, by hash: open addressing, at most half full
	first   int32   // see entry.after
}

// entry is what is known of one name of an object.
type entry struct {
	name  string // "" = unused
	begin string // the name as a member begins with it, the colon included
	child *shape
	known bool   // it is one of the members; else it is only read where it stands
	pan   bool   // it may hold the number of the card
	slot  slot   // where its value is kept, 0 where it is not
	once  uint64 // one bit, which names that differ in case alone share
	// after is where the name stands that stood behind this one lately, one more than its
	// index in the table, 0 for none: senders keep to one order. It is used atomically.
	after int32
}

// hash spreads names by what most of them differ in.
func hash(name string) int {
	n := len(name)
	return n*7 ^ int(name[0])*31 ^ int(name[n/2])*3 ^ int(name[n-1])*13
}

// sealed returns a shape that is complete, with its table: a member is looked up for each
// name of each message, and a map takes three times as long. What lies below is
// copied, so that an object that may stand in two places has values for each.
func (s *shape) sealed() *shape {
	out := &shape{members: map[string]*shape{}}
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		child := s.members[name]
		if child != nil {
			child = child.sealed()
		}
		out.members[name] = child
		entries = append(entries, entry{name: name, child: child, known: true, pan: panNames[foldName(name)]})
	}
	out.fill(entries)
	return out
}

// fill makes the table of these entries.
func (s *shape) fill(entries []entry) {
	size := 4
	for size < 2*len(entries) {
		size *= 2
	}
	s.table = make([]entry, size)
	for n, e := range entries {
		first := slices.IndexFunc(entries, func(other entry) bool { return strings.EqualFold(other.name, e.name) })
		if e.once = 1 << first; n >= 64 {
			panic("pismo: an object with more than 64 known names") // every test fails
		}
		e.begin = `"` + e.name + `":`
		i := hash(e.name) & (size - 1)
		for s.table[i].name != "" {
			i = (i + 1) & (size - 1)
		}
		s.table[i] = e
	}
}

// place keeps the value of a member in the next of the slots, unless it has one
// already. A name that is read without being known is one that networks never
// documented: it is counted as unknown all the same.
func (s *shape) place(name string, next *slot) slot {
	e := s.entry(name)
	if e == nil {
		entries := slices.DeleteFunc(slices.Clone(s.table), func(e entry) bool { return e.name == "" })
		s.fill(append(entries, entry{name: name}))
		e = s.entry(name)
	}
	if e.slot == 0 {
		e.slot = *next
		*next++
	}
	return e.slot
}

// names makes a shape of members of which nothing more is known; a blank
// separates two names.
func names(list string) *shape {
	s := &shape{members: map[string]*shape{}}
	for _, name := range strings.Fields(list) {
		s.members[name] = nil
	}
	return s
}

// with adds a member that is an object.
func (s *shape) with(name string, child *shape) *shape {
	s.members[name] = child
	return s
}

// entry returns what is known of a name, nil when it is nothing.
func (s *shape) entry(name string) *entry {
	if i := s.find(name); i >= 0 {
		return &s.table[i]
	}
	return nil
}

// find returns where in the table a name stands, -1 where it is not known.
func (s *shape) find(name string) int {
	if s == nil || name == "" {
		return -1
	}
	mask := len(s.table) - 1
	for i := hash(name) & mask; s.table[i].name != ""; i = (i + 1) & mask {
		if s.table[i].name == name {
			return i
		}
	}
	return -1
}

// child returns the shape of a member, and whether the name is known.
func (s *shape) child(name string) (*shape, bool) {
	if e := s.entry(name); e != nil {
		return e.child, e.known
	}
	return nil, false
}

// misCased reports whether name equals a known name without regard to case, but
// none exactly.
func (s *shape) misCased(name string) bool {
	if _, ok := s.members[name]; ok {
		return false
	}
	for known := range s.members {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

// clipPointer cuts a pointer before its first segment that is not a known name or
// an index of the list of codes, so that it quotes nothing of the sender's.
func (s *shape) clipPointer(pointer string) string {
	end, before := 0, ""
	for end < len(pointer) {
		next := end + 1 + strings.IndexByte(pointer[end+1:]+"/", '/')
		segment := pointer[end+1 : next]
		child, ok := s.child(segment)
		index := before == "custom_codes" && digitsOnly(segment) && len(segment) <= 5
		if !ok && !index {
			break
		}
		s, end, before = child, next, segment
	}
	return pointer[:end]
}

// The members of the page, and of the networks' requests. A name that stands in
// two spellings was seen in both.
var (
	cardShape  = names("id type program_id bin status stage")
	comboShape = names("status")
	bodyShape  = names("token_id network_brand custom_codes original_network_data").
			with("card", cardShape).with("combo_card", comboShape).sealed()

	vtsDevice = names(`deviceID deviceId deviceLanguageCode osType osVersion osBuildID deviceType deviceIDType
		deviceManufacturer deviceBrand deviceModel deviceName deviceNumber deviceIndex deviceLocation
		deviceIPAddressV4 deviceIpAddressV4 locationSource tokenProtectionMethod storageTechnology`)
	vtsToken = names(`token tokenType tokenStatus tokenAssuranceLevel tokenAssuranceMethod tokenExpirationDate
		tokenRequestorID tokenRequestorId tokenRequestorName tokenReferenceID tokenReferenceId
		numberOfActiveTokensForPAN numberOfInactiveTokensForPAN numberOfSuspendedTokensForPAN`)
	vtsRisk = names(`walletProviderRiskAssessment walletProviderRiskAssessmentVersion walletProviderAccountScore
		walletProviderDeviceScore walletProviderReasonCodes visaTokenScore visaTokenDecisioning
		riskAssessmentScore deviceBluetoothMac deviceIMEI deviceSerialNumber deviceTimeZone deviceTimeZoneSetting
		osID simSerialNumber deviceLostMode daysSinceConsumerDataLastAccountChange accountHolderName
		walletProviderPANAge walletAccountHolderCardNameMatch accountToDeviceBindingAge userAccountAge
		walletAccountAge provisioningAttemptsOnDeviceIn24Hours distinctCardholderNames deviceCountry
		walletAccountCountry suspendedCardsInAccount daysSinceLastAccountActivity`)
	vtsHolder = names(`primaryAccountNumber cvv2 name expirationDate billingAddress highValueCustomer`)
	vtsSealed = names("").with("cardholderInfo", vtsHolder).with("riskInformation", vtsRisk).
			with("tokenInfo", vtsToken).with("deviceInfo", vtsDevice)
	vtsShape = names(`tokenRequestorID tokenRequestorId tokenReferenceID tokenReferenceId panReferenceID panReferenceId
		walletAccountEmailAddressHash clientWalletAccountID clientWalletAccountId panSource
		addressVerificationResultCode cvv2ResultsCode consumerEntryMode locale lifeCycleTraceID lifeCycleTraceId
		dateTimeOfEvent messageReasonCode actionCode stipReasonCode termsAndConditions tokenProviderCode
		visaTokenScore visaTokenDecisioning walletProviderAccountScore walletProviderDeviceScore walletProviderReasonCodes`).
		with("tokenInfo", vtsToken).with("deviceInfo", vtsDevice).with("riskInformation", vtsRisk).
		with("cardholderInfo", vtsHolder).with("encryptedData", vtsSealed).sealed()

	mdesDevice = names(`deviceName serialNumber formFactor isoDeviceType osName osVersion imei msisdn paymentTypes
		storageTechnology cardCaptureTechnology deviceLocation deviceIpAddress sourceIp`)
	mdesAdvice = names(`recommendedDecision recommendationStandardVersion recommendationAlgorithmVersion deviceScore
		accountScore phoneNumberScore accountLifeTime recommendationReasons`)
	mdesHolder = names(`accountHolderName accountHolderAddress accountHolderMobilePhoneNumber accountHolderEmailAddress
		consumerIdentifier sourceIp deviceLocation`)
	mdesCard = names(`accountNumber expiryMonth expiryYear securityCode panSequenceNumber`)
	mdesData = names(`source sourceTokenNumber paymentAccountReference dataValidUntilTimestamp tokenData
		financialAccountData accountNumber expiryMonth expiryYear securityCode`).
		with("cardAccountData", mdesCard).with("accountHolderData", mdesHolder)
	mdesSealed = names("publicKeyFingerprint encryptedKey oaepHashingAlgorithm iv").with("encryptedData", mdesData)
	mdesFunds  = names("panUniqueReference tokenUniqueReference publicKeyFingerprint encryptedKey oaepHashingAlgorithm iv").
			with("encryptedPayload", mdesSealed).with("fundingAccountData", mdesData).with("encryptedData", mdesData)
	mdesInsights = names("riskScore score reasons reasonCodes")
	mdesShape    = names(`requestId services correlationId tokenRequestorId tokenRequestorID walletId paymentAppInstanceId
		accountIdHash mobileNumberSuffix activeTokenCount tokenType consumerFacingEntityName panSequenceNumber
		chipDataValidationResult sourceProvisioningData provisioningContext responseHost`).
		with("fundingAccountInfo", mdesFunds).with("cardInfo", mdesFunds).with("deviceInfo", mdesDevice).
		with("walletProviderDecisioningInfo", mdesAdvice).with("securityServicesInsights", mdesInsights).sealed()
)

// networkShape returns the shape of original_network_data, nil for a brand that
// this package does not know.
func networkShape(brand string) *shape {
	switch brand {
	case brandVisa:
		return vtsShape
	case brandMastercard:
		return mdesShape
	}
	return nil
}
