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
	if !b.network {
		return
	}
	switch b.brand {
	case brandVisa:
		d.vts(&vtsPlaces)
	case brandMastercard:
		d.mdes(&mdesPlaces)
	}
	d.channel()
}

// vts reads a request of the Visa Token Service.
func (d *decoding) vts(at *places) {
	d.groups(at)
	d.requestor(at.requestor)
	d.tokenType(at.tokenType, vtsTokenTypes)
	d.source(at.source, vtsSources)
	d.recommendation(at.recommendation, "visaTokenDecisioning", vtsDecisions)
	d.walletScore(d.c.facts.walletDeviceScore, at.deviceScore)
	d.walletScore(d.c.facts.walletAccountScore, at.accountScore)
	d.reasons(d.c.facts.walletReasons, at.reasons)
	d.accountRef(at.accountRef)
	d.riskScore(at.risk, "visa_0_99", 1, 99)
	d.cvv(at.cvv)
	d.avs(at.avs)
	d.device(at)
	d.verbatim(d.c.facts.deviceLanguage, at.language)
	d.ip(at.ip, true)
	d.location(at.location)
	d.count(d.c.facts.velTokensCardActive, at.active)
}

// mdes reads a request of Mastercard's Digital Enablement Service. Whether the
// card's security code matched stands in its answer, not in the request.
func (d *decoding) mdes(at *places) {
	d.groups(at)
	d.requestor(at.requestor)
	d.tokenType(at.tokenType, mdesTokenTypes)
	d.source(at.source, mdesSources)
	d.recommendation(at.recommendation, "recommendedDecision", mdesDecisions)
	d.walletScore(d.c.facts.walletDeviceScore, at.deviceScore)
	d.walletScore(d.c.facts.walletAccountScore, at.accountScore)
	d.walletScore(d.c.facts.walletPhoneScore, at.phoneScore)
	d.reasons(d.c.facts.walletReasons, at.reasons)
	d.verbatim(d.c.facts.walletModelVersion, at.model)
	d.accountRef(at.accountRef)
	d.unverifiedInsights(at)
	d.device(at)
	d.ip(at.ip, false)
	d.location(at.location)
	d.count(d.c.facts.velTokensCardActive, at.active)
}

func (d *decoding) device(at *places) {
	d.keyedRef(d.c.facts.deviceRef, deviceDomain, at.deviceID)
	d.lower(d.c.facts.deviceType, at.deviceType)
	d.lower(d.c.facts.deviceOs, at.os)
}

// unverifiedInsights reads Mastercard's Token Provisioning Insights, announced
// for August 2026 as a risk score with reasons. The names of the members are a
// guess that no counterpart has confirmed; scores from 0 to 1000 are taken.
func (d *decoding) unverifiedInsights(at *places) {
	d.riskScore(at.insightRisk, "mc_tpi", 0, 1000)
	d.riskScore(at.insightScore, "mc_tpi", 0, 1000)
	d.reasons(d.c.facts.networkRiskReasons, at.insightReasons)
	d.reasons(d.c.facts.networkRiskReasons, at.insightCodes)
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

// groups counts members that should be objects and are none. Nothing and null are no
// mistake, nor is the text in which an encrypted block is sent.
func (d *decoding) groups(at *places) {
	for _, g := range at.groups {
		if k := d.found.values[g].kind; k > strictjson.Null && k != strictjson.Object {
			d.unknown++
		}
	}
	for _, g := range at.sealed {
		if k := d.found.values[g].kind; k > strictjson.Null && k != strictjson.Object && k != strictjson.String {
			d.unknown++
		}
	}
}

// find returns the first of the members that is there and neither null nor an empty
// text.
func (d *decoding) find(in []slot) (*value, bool) {
	for _, at := range in {
		if v := &d.found.values[at]; v.kind > strictjson.Null && !(v.kind == strictjson.String && v.text == "") {
			return v, true
		}
	}
	return nil, false
}

// text returns a member that is a string fit to be kept.
func (d *decoding) text(in []slot) (string, bool) {
	v, ok := d.find(in)
	if !ok {
		return "", false
	}
	if v.kind != strictjson.String || !shortText(v.text) {
		d.unknown++
		return "", false
	}
	return v.text, true
}

func (d *decoding) verbatim(fact int, in []slot) {
	if s, ok := d.text(in); ok {
		d.setText(fact, s)
	}
}

func (d *decoding) lower(fact int, in []slot) {
	if s, ok := d.text(in); ok {
		d.setText(fact, d.lowered(s))
	}
}

// lowered returns an ASCII text in lower case.
func (d *decoding) lowered(s string) string {
	from := d.made.Len()
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		d.made.WriteByte(c)
	}
	return d.made.String()[from:]
}

// integer returns a whole number from least to most, given as a number or as a
// string of digits; a leading zero is taken in two digits, as Visa writes scores.
func (d *decoding) integer(in []slot, least, most int64) (int64, bool) {
	v, ok := d.find(in)
	if !ok {
		return 0, false
	}
	ok = v.kind == strictjson.Number || v.kind == strictjson.String && len(v.text) <= 4 && (v.text[0] != '0' || len(v.text) <= 2)
	n := int64(0)
	if ok = ok && digitsOnly(v.text); ok { // which is how JSON writes a number that is neither negative nor a fraction
		parsed, err := strconv.ParseInt(v.text, 10, 64)
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

func (d *decoding) walletScore(fact int, in []slot) {
	if n, ok := d.integer(in, 1, 5); ok {
		d.setInt(fact, n)
	}
}

func (d *decoding) count(fact int, in []slot) {
	if n, ok := d.integer(in, 0, 9999); ok {
		d.setInt(fact, n)
	}
}

// riskScore sets the network's score. Visa's 00 means that there is none.
func (d *decoding) riskScore(in []slot, scale string, least, most int64) {
	n, ok := d.integer(in, 0, most)
	if ok && n >= least {
		d.setInt(d.c.facts.networkRiskScore, n)
		d.setText(d.c.facts.networkRiskScale, scale)
	}
}

func (d *decoding) requestor(in []slot) {
	v, ok := d.find(in)
	if !ok {
		return
	}
	if v.kind != strictjson.String && v.kind != strictjson.Number || !digitsOnly(v.text) || len(v.text) > 11 {
		d.unknown++
		return
	}
	d.setText(d.c.facts.tokenRequestorId, v.text)
	if name, ok := d.c.requestors[v.text]; ok {
		d.setText(d.c.facts.tokenRequestor, name)
	}
}

func (d *decoding) tokenType(in []slot, known map[string]string) {
	s, ok := d.text(in)
	if !ok {
		return
	}
	if name, ok := known[s]; ok {
		d.setText(d.c.facts.tokenType, name)
		return
	}
	d.flag("unknown_value:tokenType")
	d.setText(d.c.facts.tokenType, d.lowered(s))
}

func (d *decoding) source(in []slot, known map[string]string) {
	s, ok := d.text(in)
	if !ok {
		return
	}
	if canonical, ok := known[s]; ok {
		d.setText(d.c.facts.tokenSource, canonical)
		return
	}
	d.setText(d.c.facts.tokenSource, d.lowered(s))
}

// recommendation keeps an unknown one as data; the engine's floor is yellow for it.
func (d *decoding) recommendation(in []slot, name string, known map[string]string) {
	s, ok := d.text(in)
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
func (d *decoding) reasons(fact int, in []slot) {
	v, ok := d.find(in)
	if !ok {
		return
	}
	out := d.lists.room[:0]
	switch v.kind {
	case strictjson.String:
		for rest := v.text; rest != ""; {
			n := strings.IndexAny(rest, ",|")
			if n < 0 {
				n = len(rest)
			}
			if n > 0 {
				out = d.reason(out, rest[:n])
			}
			rest = rest[min(n+1, len(rest)):]
		}
	case strictjson.Array:
		d.unknown += int(v.odd)
		for _, reason := range d.found.items[v.from:v.to] {
			out = d.reason(out, reason)
		}
	default:
		d.unknown++
		return
	}
	d.setList(fact, d.lists.cut(out))
}

// reason appends the canonical names of a reason. Unknown ones alone are bounded: a
// known one must not be lost behind noise.
func (d *decoding) reason(out []string, reason string) []string {
	reason = strings.TrimSpace(reason)
	names, known := canonicalReasons(reason)
	if !known && (!shortText(reason) || len(out) >= MaxCodes) {
		d.unknown++
		return out
	}
	for _, name := range names {
		if name != "" && !slices.Contains(out, name) { // a few dozen names at most
			out = append(out, name)
		}
	}
	return out
}

func (d *decoding) accountRef(in []slot) {
	if s, ok := d.identifier(in); ok {
		d.setText(d.c.facts.walletAccountRef, d.ident("wallet account", s))
	}
}

// keyedRef sets a reference to an identifier that is personal data itself.
func (d *decoding) keyedRef(fact int, domain string, in []slot) {
	if s, ok := d.identifier(in); ok {
		d.setText(fact, d.ref(domain, s))
	}
}

func (d *decoding) identifier(in []slot) (string, bool) {
	v, ok := d.find(in)
	if !ok {
		return "", false
	}
	if v.kind != strictjson.String || len(v.text) > MaxRefText {
		d.unknown++
		return "", false
	}
	return v.text, true
}

// cvv reads Visa's result of the security code: M matched, N did not. P was not
// processed because none was given, as in push provisioning. For S and U nobody
// can tell, so the fact stays absent.
func (d *decoding) cvv(in []slot) {
	s, ok := d.text(in)
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

func (d *decoding) avs(in []slot) {
	s, ok := d.text(in)
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

func (d *decoding) ip(in []slot, only4 bool) {
	s, ok := d.text(in)
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
func (d *decoding) location(in []slot) {
	s, ok := d.text(in)
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
