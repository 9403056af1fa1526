package pismo

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/issuant/issuant/internal/strictjson"
)

// The networks' words and ours.
var (
	vtsTokenTypes = map[string]string{"SECURE_ELEMENT": "device", "HCE": "device", "CARD_ON_FILE": "cof", "ECOMMERCE": "ecom"}
	vtsSources    = map[string]string{"KEY_ENTERED": "manual", "ON_FILE": "on_file", "MOBILE_BANKING_APP": "push_app"}
	vtsDecisions  = map[string]string{"00": "approve", "85": "step_up", "05": "decline"}

	mdesTokenTypes = map[string]string{"EMBEDDED_SE": "device", "CLOUD": "device", "STATIC": "static"}
	mdesSources    = map[string]string{
		"ACCOUNT_ADDED_MANUALLY": "manual", "ACCOUNT_ON_FILE": "on_file", "ACCOUNT_ADDED_VIA_APPLICATION": "push_app",
		"ACCOUNT_ADDED_VIA_BROWSER": "push_web", "EXISTING_TOKEN_CREDENTIAL": "token", "ACCOUNT_ADDED_VIA_CHIP_DATA": "tap",
	}
	mdesDecisions = map[string]string{"APPROVED": "approve", "REQUIRE_ADDITIONAL_AUTHENTICATION": "step_up", "DECLINED": "decline"}
)

// networkData sets the facts of original_network_data. An encrypted block is a
// string and is not read; where Pismo passes its decrypted content on, it stands in
// its place as an object.
func (d *decoding) networkData(b body) {
	if b.network.Kind() != strictjson.Object {
		return
	}
	switch b.brand {
	case brandVisa:
		d.vts(b.network)
	case brandMastercard:
		d.mdes(b.network)
	}
	d.channel()
}

// vts reads a request of the Visa Token Service.
func (d *decoding) vts(root strictjson.Cursor) {
	sealed := d.group(root, "encryptedData", strictjson.String)
	token := []strictjson.Cursor{d.group(root, "tokenInfo"), d.group(sealed, "tokenInfo")}
	device := []strictjson.Cursor{d.group(root, "deviceInfo"), d.group(sealed, "deviceInfo")}
	risk := []strictjson.Cursor{d.group(root, "riskInformation"), d.group(sealed, "riskInformation"), root}

	d.requestor([]strictjson.Cursor{root, token[0], token[1]}, "tokenRequestorID", "tokenRequestorId")
	d.tokenType(token, vtsTokenTypes)
	d.source([]strictjson.Cursor{root}, "panSource", vtsSources)
	d.recommendation(risk, "visaTokenDecisioning", vtsDecisions)
	d.walletScore(d.c.facts.walletDeviceScore, risk, "walletProviderDeviceScore")
	d.walletScore(d.c.facts.walletAccountScore, risk, "walletProviderAccountScore")
	d.reasons(d.c.facts.walletReasons, risk, "walletProviderReasonCodes")
	d.accountRef([]strictjson.Cursor{root}, "walletAccountEmailAddressHash")
	d.riskScore(risk, "visaTokenScore", "visa_0_99", 1, 99)
	d.cvv(root)
	d.avs(root)

	d.keyedRef(d.c.facts.deviceRef, deviceDomain, device, "deviceID", "deviceId")
	d.lower(d.c.facts.deviceType, device, "deviceType")
	d.lower(d.c.facts.deviceOs, device, "osType")
	d.verbatim(d.c.facts.deviceLanguage, device, "deviceLanguageCode")
	d.ip(device, true, "deviceIPAddressV4", "deviceIpAddressV4")
	d.location(device, "deviceLocation")
	d.count(d.c.facts.velTokensCardActive, token, "numberOfActiveTokensForPAN")
}

// mdes reads a request of Mastercard's Digital Enablement Service. Whether the
// card's security code matched stands in its answer, not in the request.
func (d *decoding) mdes(root strictjson.Cursor) {
	device := []strictjson.Cursor{d.group(root, "deviceInfo")}
	advice := []strictjson.Cursor{d.group(root, "walletProviderDecisioningInfo")}
	var data, holder []strictjson.Cursor
	for _, name := range []string{"fundingAccountInfo", "cardInfo"} {
		funds := d.group(root, name)
		sealed := d.group(funds, "encryptedPayload", strictjson.String)
		for _, v := range []strictjson.Cursor{
			d.group(funds, "fundingAccountData"), d.group(sealed, "encryptedData", strictjson.String),
			d.group(funds, "encryptedData", strictjson.String),
		} {
			data, holder = append(data, v), append(holder, d.group(v, "accountHolderData"))
		}
	}
	top := []strictjson.Cursor{root}
	where := append(append([]strictjson.Cursor{}, device...), holder...)

	d.requestor(top, "tokenRequestorId", "tokenRequestorID")
	d.tokenType(top, mdesTokenTypes)
	d.source(data, "source", mdesSources)
	d.recommendation(advice, "recommendedDecision", mdesDecisions)
	d.walletScore(d.c.facts.walletDeviceScore, advice, "deviceScore")
	d.walletScore(d.c.facts.walletAccountScore, advice, "accountScore")
	d.walletScore(d.c.facts.walletPhoneScore, advice, "phoneNumberScore")
	d.reasons(d.c.facts.walletReasons, advice, "recommendationReasons")
	d.verbatim(d.c.facts.walletModelVersion, advice, "recommendationStandardVersion", "recommendationAlgorithmVersion")
	d.accountRef(top, "accountIdHash")
	d.unverifiedInsights(d.group(root, "securityServicesInsights"))

	d.keyedRef(d.c.facts.deviceRef, deviceDomain, device, "serialNumber")
	d.lower(d.c.facts.deviceType, device, "formFactor")
	d.lower(d.c.facts.deviceOs, device, "osName")
	d.ip(where, false, "sourceIp", "deviceIpAddress")
	d.location(where, "deviceLocation")
	d.count(d.c.facts.velTokensCardActive, top, "activeTokenCount")
}

// unverifiedInsights reads Mastercard's Token Provisioning Insights, announced
// for August 2026 as a risk score with reasons. The names of the members are a
// guess that no counterpart has confirmed; scores from 0 to 1000 are taken.
func (d *decoding) unverifiedInsights(v strictjson.Cursor) {
	in := []strictjson.Cursor{v}
	d.riskScore(in, "riskScore", "mc_tpi", 0, 1000)
	d.riskScore(in, "score", "mc_tpi", 0, 1000)
	d.reasons(d.c.facts.networkRiskReasons, in, "reasons")
	d.reasons(d.c.facts.networkRiskReasons, in, "reasonCodes")
}

// channel: what a device holds or a known wallet asked for is a wallet token; a
// token for merchants escapes the wallet's floor, so it comes second.
func (d *decoding) channel() {
	f := &d.c.facts
	kind, _ := d.ev.StringAt(f.tokenType)
	requestor, _ := d.ev.StringAt(f.tokenRequestor)
	switch {
	case kind == "device" || requestor != "" && requestor != "merchant":
		d.setText(d.c.facts.tokenChannel, "wallet")
	case kind == "cof" || kind == "ecom" || kind == "static":
		d.setText(d.c.facts.tokenChannel, "merchant")
	}
}

// group returns a member that is an object. Nothing and null are no mistake, nor
// is a value of one of the kinds in passed, which is left alone.
func (d *decoding) group(o strictjson.Cursor, name string, passed ...strictjson.Kind) strictjson.Cursor {
	v, ok := o.Get(name)
	if !ok || v.Kind() == strictjson.Null {
		return strictjson.Cursor{}
	}
	if v.Kind() == strictjson.Object {
		return v
	}
	for _, k := range passed {
		if v.Kind() == k {
			return strictjson.Cursor{}
		}
	}
	d.unknown++
	return strictjson.Cursor{}
}

// find returns the first member of one of the names, that is there and neither
// null nor an empty text, in the first of the objects that has one.
func find(in []strictjson.Cursor, names ...string) (strictjson.Cursor, bool) {
	for _, o := range in {
		if o.Kind() != strictjson.Object {
			continue
		}
		for _, name := range names {
			v, ok := o.Get(name)
			if k := v.Kind(); ok && k != strictjson.Null && !(k == strictjson.String && v.Str() == "") {
				return v, true
			}
		}
	}
	return strictjson.Cursor{}, false
}

// text returns a member that is a string fit to be kept.
func (d *decoding) text(in []strictjson.Cursor, names ...string) (string, bool) {
	v, ok := find(in, names...)
	if !ok {
		return "", false
	}
	if v.Kind() != strictjson.String || !shortText(v.Str()) {
		d.unknown++
		return "", false
	}
	return v.Str(), true
}

func (d *decoding) verbatim(fact int, in []strictjson.Cursor, names ...string) {
	if s, ok := d.text(in, names...); ok {
		d.setText(fact, s)
	}
}

func (d *decoding) lower(fact int, in []strictjson.Cursor, names ...string) {
	if s, ok := d.text(in, names...); ok {
		d.setText(fact, strings.ToLower(s))
	}
}

// integer returns a whole number from least to most, given as a number or as a
// string of digits; a leading zero is taken in two digits, as Visa writes scores.
func (d *decoding) integer(in []strictjson.Cursor, least, most int64, names ...string) (int64, bool) {
	v, ok := find(in, names...)
	if !ok {
		return 0, false
	}
	n, ok := v.Int64()
	if v.Kind() == strictjson.String && digitsOnly(v.Str()) && len(v.Str()) <= 4 && (v.Str()[0] != '0' || len(v.Str()) <= 2) {
		parsed, err := strconv.ParseInt(v.Str(), 10, 64)
		n, ok = parsed, err == nil
	}
	if !ok || n < least || n > most {
		d.unknown++
		return 0, false
	}
	return n, true
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (d *decoding) walletScore(fact int, in []strictjson.Cursor, name string) {
	if n, ok := d.integer(in, 1, 5, name); ok {
		d.setInt(fact, n)
	}
}

func (d *decoding) count(fact int, in []strictjson.Cursor, name string) {
	if n, ok := d.integer(in, 0, 9999, name); ok {
		d.setInt(fact, n)
	}
}

// riskScore sets the network's score. Visa's 00 means that there is none.
func (d *decoding) riskScore(in []strictjson.Cursor, name, scale string, least, most int64) {
	n, ok := d.integer(in, 0, most, name)
	if ok && n >= least {
		d.setInt(d.c.facts.networkRiskScore, n)
		d.setText(d.c.facts.networkRiskScale, scale)
	}
}

func (d *decoding) requestor(in []strictjson.Cursor, names ...string) {
	v, ok := find(in, names...)
	if !ok {
		return
	}
	if v.Kind() != strictjson.String && v.Kind() != strictjson.Number || !digitsOnly(v.Str()) || len(v.Str()) > 11 {
		d.unknown++
		return
	}
	d.setText(d.c.facts.tokenRequestorId, v.Str())
	if name, ok := d.c.requestors[v.Str()]; ok {
		d.setText(d.c.facts.tokenRequestor, name)
	}
}

func (d *decoding) tokenType(in []strictjson.Cursor, known map[string]string) {
	s, ok := d.text(in, "tokenType")
	if !ok {
		return
	}
	if name, ok := known[s]; ok {
		d.setText(d.c.facts.tokenType, name)
		return
	}
	d.flag("unknown_value:tokenType")
	d.setText(d.c.facts.tokenType, strings.ToLower(s))
}

func (d *decoding) source(in []strictjson.Cursor, name string, known map[string]string) {
	s, ok := d.text(in, name)
	if !ok {
		return
	}
	if canonical, ok := known[s]; ok {
		s = canonical
	}
	d.setText(d.c.facts.tokenSource, strings.ToLower(s))
}

// recommendation keeps an unknown one as data; the engine's floor is yellow for it.
func (d *decoding) recommendation(in []strictjson.Cursor, name string, known map[string]string) {
	s, ok := d.text(in, name)
	if !ok {
		return
	}
	if canonical, ok := known[s]; ok {
		d.setText(d.c.facts.walletRecommendation, canonical)
		return
	}
	d.flag("unknown_value:" + name)
	d.setText(d.c.facts.walletRecommendation, s)
}

// reasons reads a list of reasons, or a text with commas or bars between them.
func (d *decoding) reasons(fact int, in []strictjson.Cursor, name string) {
	v, ok := find(in, name)
	if !ok {
		return
	}
	var raw []string
	switch v.Kind() {
	case strictjson.String:
		raw = strings.FieldsFunc(v.Str(), func(r rune) bool { return r == ',' || r == '|' })
	case strictjson.Array:
		for item, ok := v.First(); ok; item, ok = item.Next(v) {
			if item.Kind() == strictjson.String {
				raw = append(raw, item.Str())
			} else {
				d.unknown++
			}
		}
	default:
		d.unknown++
		return
	}
	d.setList(fact, d.canonical(raw))
}

// canonical bounds unknown reasons alone: a known one must not be lost behind noise.
func (d *decoding) canonical(raw []string) []string {
	out := make([]string, 0, min(len(raw), MaxCodes))
	for _, reason := range raw {
		reason = strings.TrimSpace(reason)
		names, known := canonicalReasons(reason)
		if !known && (!shortText(reason) || len(out) >= MaxCodes) {
			d.unknown++
			continue
		}
		for _, name := range names {
			if name != "" && !slices.Contains(out, name) { // a few dozen names at most
				out = append(out, name)
			}
		}
	}
	return out
}

func (d *decoding) accountRef(in []strictjson.Cursor, name string) {
	if s, ok := d.identifier(in, name); ok {
		d.setText(d.c.facts.walletAccountRef, d.ident("wallet account", s))
	}
}

// keyedRef sets a reference to an identifier that is personal data itself.
func (d *decoding) keyedRef(fact int, domain string, in []strictjson.Cursor, names ...string) {
	if s, ok := d.identifier(in, names...); ok {
		d.setText(fact, d.c.cfg.RefKey.Ref(domain, []byte(s)))
	}
}

func (d *decoding) identifier(in []strictjson.Cursor, names ...string) (string, bool) {
	v, ok := find(in, names...)
	if !ok {
		return "", false
	}
	if v.Kind() != strictjson.String || len(v.Str()) > MaxRefText {
		d.unknown++
		return "", false
	}
	return v.Str(), true
}

// cvv reads Visa's result of the security code: M matched, N did not. P was not
// processed because none was given, as in push provisioning. For S and U nobody
// can tell, so the fact stays absent.
func (d *decoding) cvv(root strictjson.Cursor) {
	s, ok := d.text([]strictjson.Cursor{root}, "cvv2ResultsCode")
	if !ok {
		return
	}
	switch s {
	case "M":
		d.setText(d.c.facts.verifyCvv, "match")
	case "N":
		d.setText(d.c.facts.verifyCvv, "fail")
	case "P":
		d.setText(d.c.facts.verifyCvv, "absent")
	case "S", "U":
	default:
		d.unknown++
	}
}

// avsCodes are Visa's address verification results as acquirers' manuals print
// them (medium confidence): postal code, then street; "" where not verified.
var avsCodes = map[string][2]string{
	"A": {"fail", "match"}, "B": {"", "match"}, "C": {}, "D": {"match", "match"}, "F": {"match", "match"},
	"G": {}, "I": {}, "M": {"match", "match"}, "N": {"fail", "fail"}, "P": {"match", ""}, "R": {}, "S": {},
	"U": {}, "W": {"match", "fail"}, "X": {"match", "match"}, "Y": {"match", "match"}, "Z": {"match", "fail"},
}

func (d *decoding) avs(root strictjson.Cursor) {
	s, ok := d.text([]strictjson.Cursor{root}, "addressVerificationResultCode")
	if !ok {
		return
	}
	result, ok := avsCodes[s]
	if !ok {
		d.unknown++
		return
	}
	if result[0] != "" {
		d.setText(d.c.facts.verifyAvsPostal, result[0])
	}
	if result[1] != "" {
		d.setText(d.c.facts.verifyAvsStreet, result[1])
	}
}

func (d *decoding) ip(in []strictjson.Cursor, only4 bool, names ...string) {
	s, ok := d.text(in, names...)
	if !ok {
		return
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" || only4 && !addr.Is4() {
		d.unknown++
		return
	}
	if !addr.Is4() { // which has one form alone
		s = addr.String()
	}
	d.setText(d.c.facts.deviceIp, s)
}

// location reads "+37/-121" and "38.63,-90.25": latitude and longitude in degrees,
// without exponent. Both facts are set or none.
func (d *decoding) location(in []strictjson.Cursor, name string) {
	s, ok := d.text(in, name)
	if !ok {
		return
	}
	at := strings.IndexAny(s, "/,")
	if at < 0 {
		d.unknown++
		return
	}
	lat, ok1 := degrees(s[:at], 90)
	lon, ok2 := degrees(s[at+1:], 180)
	if !ok1 || !ok2 {
		d.unknown++
		return
	}
	d.count1(d.ev.SetFloat(d.c.facts.deviceLat, lat))
	d.count1(d.ev.SetFloat(d.c.facts.deviceLon, lon))
}

func degrees(s string, most float64) (float64, bool) {
	unsigned := strings.TrimPrefix(strings.TrimPrefix(s, "+"), "-")
	if len(s)-len(unsigned) > 1 || len(unsigned) > 12 {
		return 0, false
	}
	whole, fraction, dotted := strings.Cut(unsigned, ".")
	if !digitsOnly(whole) || len(whole) > 3 || dotted && !digitsOnly(fraction) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && f >= -most && f <= most
}
