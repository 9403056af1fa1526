package pismo

import "github.com/issuant/issuant/rules"

// facts are the indices, in the schema of events, of what Decode sets.
type facts struct {
	id, at, kind, adapter, tenant, schema                                                                                               int
	tokenRef, tokenNetwork, tokenRequestorId, tokenRequestor, tokenType, tokenChannel, tokenSource                                      int
	cardRef, cardLast4, cardProgram, cardBin, cardType, cardStatus, cardStage, cardComboStatus, cardCodes, cardExpired, cardExpiryMatch int
	verifyCvv, verifyAvsPostal, verifyAvsStreet                                                                                         int
	walletRecommendation, walletReasons, walletDeviceScore, walletAccountScore, walletPhoneScore, walletAccountRef, walletModelVersion  int
	networkRiskScore, networkRiskScale, networkRiskReasons                                                                              int
	deviceRef, deviceType, deviceOs, deviceIp, deviceLanguage, deviceLat, deviceLon                                                     int
	velTokensCardActive                                                                                                                 int
}

// factsOf looks the fields up; the schema of events has them all.
func factsOf(s *rules.Schema) facts {
	at := func(name string) int {
		i, ok := s.Lookup(name)
		if !ok {
			panic("pismo: the schema of events has no field " + name) // a mistake in the table below; every test fails
		}
		return i
	}
	return facts{
		id:                   at("id"),
		at:                   at("at"),
		kind:                 at("kind"),
		adapter:              at("adapter"),
		tenant:               at("tenant"),
		schema:               at("schema"),
		tokenRef:             at("token.ref"),
		tokenNetwork:         at("token.network"),
		tokenRequestorId:     at("token.requestor_id"),
		tokenRequestor:       at("token.requestor"),
		tokenType:            at("token.type"),
		tokenChannel:         at("token.channel"),
		tokenSource:          at("token.source"),
		cardRef:              at("card.ref"),
		cardLast4:            at("card.last4"),
		cardProgram:          at("card.program"),
		cardBin:              at("card.bin"),
		cardType:             at("card.type"),
		cardStatus:           at("card.status"),
		cardStage:            at("card.stage"),
		cardComboStatus:      at("card.combo_status"),
		cardCodes:            at("card.codes"),
		cardExpired:          at("card.expired"),
		cardExpiryMatch:      at("card.expiry_match"),
		verifyCvv:            at("verify.cvv"),
		verifyAvsPostal:      at("verify.avs_postal"),
		verifyAvsStreet:      at("verify.avs_street"),
		walletRecommendation: at("wallet.recommendation"),
		walletReasons:        at("wallet.reasons"),
		walletDeviceScore:    at("wallet.device_score"),
		walletAccountScore:   at("wallet.account_score"),
		walletPhoneScore:     at("wallet.phone_score"),
		walletAccountRef:     at("wallet.account_ref"),
		walletModelVersion:   at("wallet.model_version"),
		networkRiskScore:     at("network_risk.score"),
		networkRiskScale:     at("network_risk.scale"),
		networkRiskReasons:   at("network_risk.reasons"),
		deviceRef:            at("device.ref"),
		deviceType:           at("device.type"),
		deviceOs:             at("device.os"),
		deviceIp:             at("device.ip"),
		deviceLanguage:       at("device.language"),
		deviceLat:            at("device.lat"),
		deviceLon:            at("device.lon"),
		velTokensCardActive:  at("vel.tokens_card_active"),
	}
}
