package strictjson_test

import (
	"testing"

	"github.com/issuant/issuant/internal/strictjson"
)

var body = []byte(`{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"411111","status":"normal","stage":"unblocked"},"combo_card":null,"token_id":432,"network_brand":"vts","custom_codes":[],"original_network_data":{"tokenRequestorID":"40010030273","panSource":"MOBILE_BANKING_APP","walletAccountEmailAddressHash":"5f1c9b","addressVerificationResultCode":"Y","cvv2ResultsCode":"M","tokenInfo":{"tokenType":"SECURE_ELEMENT","numberOfActiveTokensForPAN":"1"},"deviceInfo":{"deviceID":"04312EA9C13B80","deviceType":"MOBILE_PHONE","osType":"IOS","deviceLanguageCode":"eng","deviceIPAddressV4":"203.0.113.7","deviceLocation":"+52.52/+13.40"},"riskInformation":{"visaTokenScore":"12","visaTokenDecisioning":"00","walletProviderDeviceScore":"5","walletProviderAccountScore":"5","walletProviderReasonCodes":"A0"}}}`)

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if v, err := strictjson.Parse(body, strictjson.Limits{}); err != nil || len(v.Members) != 6 {
			b.Fatal(err)
		}
	}
}
