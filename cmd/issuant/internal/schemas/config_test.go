package schemas

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/internal/testutil"
)

// asJSON is what an editor makes of YAML.
func asJSON(t *testing.T, text string) []byte {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheSchemaTakesConfigurations(t *testing.T) {
	s := compiled(t, "config")
	b, err := os.ReadFile(filepath.Join(testutil.Root(t), "deploy", "issuant.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(b),
		"format: json\nkeys: keys.json\naccount: 98665386\nsms: true\ndeadline: 1.5s\nmax_body: 1024\n",
		"counterparts: {br: {scheme: pismo, keys: k, accounts: [1], requestors: {\"1\": apple_pay}, npl: red, npl_programs: {\"7\": yellow}}}",
	} {
		if err := validate(t, s, asJSON(t, text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	for _, text := range []string{
		"counterparts: {}", "counterparts: {pismo: {acounts: [1]}}", "counterparts: {Pismo: {}}", "durability: sometimes", "listen: [a]",
		"counterparts: {pismo: {sms: 1}}", "counterparts: {pismo: {apps: [{url: x}]}}", "counterparts: {pismo: {accounts: []}}", "sms: 7",
	} {
		if validate(t, s, asJSON(t, text)) == nil {
			t.Errorf("it takes %s", text)
		}
	}
	text, _ := JSON("config")
	if !strings.Contains(string(text), `"ref_key"`) || !strings.Contains(string(text), "every") {
		t.Error("the schema lacks settings or their meaning")
	}
}
