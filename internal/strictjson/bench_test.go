package strictjson_test

import (
	"strconv"
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

// BenchmarkParseManyNames reads objects of so many names that they are not compared one
// by one.
func BenchmarkParseManyNames(b *testing.B) {
	for _, n := range []int{40, 1000, 100_000} {
		b.Run("names="+strconv.Itoa(n), func(b *testing.B) {
			text := []byte("{")
			for i := range n {
				text = append(strconv.AppendInt(append(text, `"name`...), int64(i)*7919%int64(n), 10), `":0,`...)
			}
			text[len(text)-1] = '}'
			limits := strictjson.Limits{MaxBytes: len(text)}
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := strictjson.Parse(text, limits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
