package pismo

import (
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/issuant/issuant/internal/strictjson"
)

// slot is the place of a member's value among those that are kept of a body; 0 is none.
type slot uint8

// The members of the page have slots of their own; those of the networks come
// behind them, and share theirs, since one body is from one network.
const (
	slotToken slot = iota + 1
	slotBrand
	slotCodes
	slotNetwork
	slotCard
	slotCardID
	slotCardType
	slotProgram
	slotBIN
	slotStatus
	slotStage
	slotCombo
	slotComboStatus
	slotsOfNetworks

	maxSlots = 96
)

// value is what is kept of one member.
type value struct {
	text     string // of a string; the literal of a number
	from, to int32  // of an array: its texts in found.items
	odd      int32  // of an array: items that are no texts
	kind     strictjson.Kind
}

// found is what one body says, in memory that is used again.
type found struct {
	values [maxSlots]value
	used   [(maxSlots + 63) / 64]uint64
	items  []string
	survey survey
}

var founds = sync.Pool{New: func() any { return new(found) }}

func (f *found) set(at slot, v value) {
	if at != 0 {
		f.values[at] = v
		f.used[at>>6] |= 1 << (at & 63)
	}
}

// clear forgets a body: none of its texts stays in memory that is used again.
func (f *found) clear() {
	for w := range f.used {
		for ; f.used[w] != 0; f.used[w] &= f.used[w] - 1 {
			f.values[w<<6+bits.TrailingZeros64(f.used[w])] = value{}
		}
	}
	clear(f.items)
	f.items, f.survey = f.items[:0], survey{}
}

// keepItems bounds the memory that is kept for the next body, in items of lists.
const keepItems = 1024

func (f *found) release() {
	f.clear()
	if cap(f.items) <= keepItems {
		founds.Put(f)
	}
}

// keep keeps a value that was read with the whole tree.
func (f *found) keep(at slot, v strictjson.Cursor) {
	if at == 0 {
		return
	}
	val := value{kind: v.Kind(), text: v.Str()}
	if val.kind == strictjson.Array {
		val.from = int32(len(f.items))
		for item, more := v.First(); more; item, more = item.Next(v) {
			if item.Kind() == strictjson.String {
				f.items = append(f.items, item.Str())
			} else {
				val.odd++
			}
		}
		val.to = int32(len(f.items))
	}
	f.set(at, val)
}

// places says where a network's request has what is read of it. Of several places
// the first counts that says something.
type places struct {
	groups, sealed []slot // members that are objects; those that may be encrypted

	requestor, tokenType, source, active        []slot
	recommendation, reasons, model, accountRef  []slot
	deviceScore, accountScore, phoneScore, risk []slot
	cvv, avs                                    []slot
	deviceID, deviceType, os, language          []slot
	ip, location                                []slot
	insightRisk, insightScore                   []slot
	insightReasons, insightCodes                []slot
}

// placer gives the members of a network's request their slots.
type placer struct {
	root *shape
	next slot
}

// of returns the slots of the names in each of the objects, which are paths; a
// name that was not documented for an object is looked for all the same.
func (p *placer) of(objects []string, names ...string) []slot {
	var list []slot
	for _, path := range objects {
		for _, name := range names {
			list = append(list, p.object(path).place(name, &p.next))
		}
	}
	return list
}

// groups returns the slots of objects themselves.
func (p *placer) groups(paths ...string) []slot {
	var list []slot
	for _, path := range paths {
		at := strings.LastIndexByte(path, '/')
		list = append(list, p.of([]string{path[:max(at, 0)]}, path[at+1:])...)
	}
	return list
}

func (p *placer) object(path string) *shape {
	sh := p.root
	for segment := range strings.SplitSeq(path, "/") {
		if segment != "" {
			sh, _ = sh.child(segment)
		}
	}
	return sh
}

var vtsPlaces = func() places {
	p := placer{vtsShape, slotsOfNetworks}
	top := []string{""}
	token := []string{"tokenInfo", "encryptedData/tokenInfo"}
	device := []string{"deviceInfo", "encryptedData/deviceInfo"}
	risk := []string{"riskInformation", "encryptedData/riskInformation", ""}
	return places{
		groups:         p.groups(token[0], token[1], device[0], device[1], risk[0], risk[1]),
		sealed:         p.groups("encryptedData"),
		requestor:      p.of(append(top, token...), "tokenRequestorID", "tokenRequestorId"),
		tokenType:      p.of(token, "tokenType"),
		source:         p.of(top, "panSource"),
		recommendation: p.of(risk, "visaTokenDecisioning"),
		deviceScore:    p.of(risk, "walletProviderDeviceScore"),
		accountScore:   p.of(risk, "walletProviderAccountScore"),
		reasons:        p.of(risk, "walletProviderReasonCodes"),
		accountRef:     p.of(top, "walletAccountEmailAddressHash"),
		risk:           p.of(risk, "visaTokenScore"),
		cvv:            p.of(top, "cvv2ResultsCode"),
		avs:            p.of(top, "addressVerificationResultCode"),
		deviceID:       p.of(device, "deviceID", "deviceId"),
		deviceType:     p.of(device, "deviceType"),
		os:             p.of(device, "osType"),
		language:       p.of(device, "deviceLanguageCode"),
		ip:             p.of(device, "deviceIPAddressV4", "deviceIpAddressV4"),
		location:       p.of(device, "deviceLocation"),
		active:         p.of(token, "numberOfActiveTokensForPAN"),
	}
}()

var mdesPlaces = func() places {
	p := placer{mdesShape, slotsOfNetworks}
	top, device, advice := []string{""}, []string{"deviceInfo"}, []string{"walletProviderDecisioningInfo"}
	insights := []string{"securityServicesInsights"}
	var data, holder []string
	groups, sealed := p.groups(device[0], advice[0], insights[0]), []slot{}
	for _, funds := range []string{"fundingAccountInfo", "cardInfo"} {
		open, block, half := funds+"/fundingAccountData", funds+"/encryptedPayload/encryptedData", funds+"/encryptedData"
		groups = append(groups, p.groups(funds, open)...)
		sealed = append(sealed, p.groups(funds+"/encryptedPayload", block, half)...)
		data = append(data, open, block, half)
	}
	for _, path := range data {
		holder = append(holder, path+"/accountHolderData")
	}
	where := slices.Concat(device, holder)
	return places{
		groups:         append(groups, p.groups(holder...)...),
		sealed:         sealed,
		requestor:      p.of(top, "tokenRequestorId", "tokenRequestorID"),
		tokenType:      p.of(top, "tokenType"),
		source:         p.of(data, "source"),
		recommendation: p.of(advice, "recommendedDecision"),
		deviceScore:    p.of(advice, "deviceScore"),
		accountScore:   p.of(advice, "accountScore"),
		phoneScore:     p.of(advice, "phoneNumberScore"),
		reasons:        p.of(advice, "recommendationReasons"),
		model:          p.of(advice, "recommendationStandardVersion", "recommendationAlgorithmVersion"),
		accountRef:     p.of(top, "accountIdHash"),
		deviceID:       p.of(device, "serialNumber"),
		deviceType:     p.of(device, "formFactor"),
		os:             p.of(device, "osName"),
		ip:             p.of(where, "sourceIp", "deviceIpAddress"),
		location:       p.of(where, "deviceLocation"),
		active:         p.of(top, "activeTokenCount"),
		insightRisk:    p.of(insights, "riskScore"),
		insightScore:   p.of(insights, "score"),
		insightReasons: p.of(insights, "reasons"),
		insightCodes:   p.of(insights, "reasonCodes"),
	}
}()

// The slots of the page's own members.
var _ = func() bool {
	for path, at := range map[string]slot{
		"token_id": slotToken, "network_brand": slotBrand, "custom_codes": slotCodes, "original_network_data": slotNetwork,
		"card": slotCard, "card/id": slotCardID, "card/type": slotCardType, "card/program_id": slotProgram,
		"card/bin": slotBIN, "card/status": slotStatus, "card/stage": slotStage,
		"combo_card": slotCombo, "combo_card/status": slotComboStatus,
	} {
		p := placer{bodyShape, at}
		p.groups(path)
	}
	return true
}()
