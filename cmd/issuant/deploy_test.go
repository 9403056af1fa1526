package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/internal/testutil"
)

func deployed(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testutil.Root(t), "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serves checks that a command line of ours is one: verb and flags exist.
func serves(t *testing.T, args []string) {
	t.Helper()
	a := &app{stdio: &stdio{out: io.Discard, err: io.Discard, width: func() int { return 0 }}}
	cmd, rest, err := a.root().Find(args)
	if err != nil || cmd.Name() != "serve" {
		t.Fatalf("%q is not issuant serve: %v", args, err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%q: %v", args, err)
	}
}

// settles parses a configuration as serve would, with these variables.
func settles(t *testing.T, name string, text []byte, env map[string]string) *config.Config {
	t.Helper()
	for variable := range env {
		known := false
		for _, s := range append(config.Top(), config.PerCounterpart()...) {
			known = known || s.Flag != "" && config.Variable(s.Flag) == variable
		}
		if !known {
			t.Errorf("%s: no flag has the variable %s", name, variable)
		}
	}
	c, faults := config.Parse(config.Source{File: name, Data: text, Env: func(v string) string { return env[v] }})
	for _, f := range faults {
		t.Error(f)
	}
	return c
}

func TestTheExampleConfigurationIsOne(t *testing.T) {
	settles(t, "issuant.yaml", deployed(t, "issuant.yaml"), nil)
}

func TestTheUnitStartsWhatThereIs(t *testing.T) {
	text := deployed(t, "issuant.service")
	started, env := 0, map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch key {
		case "ExecStart", "ExecStartPre":
			args := strings.Fields(value)
			serves(t, args[1:])
			started++
		case "Environment":
			name, v, _ := strings.Cut(value, "=")
			env[name] = v
		}
	}
	if started != 2 {
		t.Errorf("%d commands", started)
	}
	if c := settles(t, "issuant.yaml", deployed(t, "issuant.yaml"), env); c.Counterparts[0].RefKey != "%d/ref.key" {
		t.Error("the credential is not the reference key")
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not here: the unit is not verified by systemd itself")
		return
	}
	unit := filepath.Join(t.TempDir(), "issuant.service")
	binary := filepath.Join(filepath.Dir(unit), "issuant")
	write(t, binary, "#!/bin/sh\n", 0o755)
	write(t, unit, strings.ReplaceAll(string(text), "/usr/local/bin/issuant", binary), 0o644)
	if out, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// manifest is what the test looks at in a Kubernetes object.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Data       map[string]string
	Spec       struct {
		Template struct {
			Spec struct {
				TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
				Containers                    []struct {
					Args []string
					Env  []struct {
						Name, Value string
					}
					Ports []struct {
						Name          string
						ContainerPort int `yaml:"containerPort"`
					}
				}
			}
		}
	}
}

func manifests(t *testing.T) map[string]manifest {
	t.Helper()
	all := map[string]manifest{}
	dec := yaml.NewDecoder(bytes.NewReader(deployed(t, "kubernetes.yaml")))
	for {
		var any map[string]any // refuses keys that stand twice
		var node yaml.Node
		if err := dec.Decode(&node); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		var m manifest
		if err := errors.Join(node.Decode(&any), node.Decode(&m)); err != nil {
			t.Fatal(err)
		}
		if m.APIVersion == "" || m.Kind == "" {
			t.Errorf("an object without a kind: %v", any)
		}
		all[m.Kind] = m
	}
}

func TestTheKubernetesExampleHoldsTogether(t *testing.T) {
	all := manifests(t)
	pod := all["Deployment"].Spec.Template.Spec
	if len(pod.Containers) != 1 {
		t.Fatal("no container")
	}
	box := pod.Containers[0]
	serves(t, box.Args)
	env := map[string]string{}
	for _, e := range box.Env {
		if strings.HasPrefix(e.Name, "ISSUANT_") {
			env[e.Name] = "postgres://issuant:password@db.internal/issuant"
		}
	}
	text := strings.ReplaceAll(all["ConfigMap"].Data["issuant.yaml"], "KEYS.EXAMPLE.COM", "keys.example.com")
	c := settles(t, "issuant.yaml", []byte(text), env)
	if c.Place("store") != "ISSUANT_STORE" || !strings.HasPrefix(c.AdminToken, "/run/issuant/") || !strings.HasPrefix(c.Counterparts[0].RefKey, "/run/issuant/") {
		t.Error("the secrets are not those that are mounted")
	}
	ports := map[string]bool{}
	for _, p := range box.Ports {
		ports[fmt.Sprintf("%s 0.0.0.0:%d", p.Name, p.ContainerPort)] = true
	}
	if !ports["webhooks "+c.Listen] || !ports["admin "+c.Admin] {
		t.Errorf("ports %v are not those of the configuration", ports)
	}
	if grace := pod.TerminationGracePeriodSeconds; float64(grace) <= (c.DrainWait + c.DrainTimeout).Seconds() {
		t.Errorf("%d s of grace are too few for a drain", grace)
	}
}

func TestTheContainerStartsWhatThereIs(t *testing.T) {
	for lines := bufio.NewScanner(bytes.NewReader(deployed(t, "Containerfile"))); lines.Scan(); {
		list, ok := strings.CutPrefix(lines.Text(), "CMD ")
		if !ok {
			continue
		}
		var args []string
		if err := json.Unmarshal([]byte(list), &args); err != nil {
			t.Fatal(err)
		}
		serves(t, args)
		return
	}
	t.Error("there is no CMD")
}

// TestTheBillOfMaterialsIsCycloneDX holds what the binary says of itself against the
// schema that the library brings.
func TestTheBillOfMaterialsIsCycloneDX(t *testing.T) {
	code, out, errs := runTool(t, t.Context(), nil, "version", "--format", "cyclonedx")
	if code != 0 {
		t.Fatal(code, errs)
	}
	_, again, _ := runTool(t, t.Context(), nil, "version", "--format", "cyclonedx")
	if out != again {
		t.Error("the same binary has two bills")
	}
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go")
	dir, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	for _, name := range []string{"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schemax.json"} {
		f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "schema", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		doc, err := jsonschema.UnmarshalJSON(f)
		if err != nil {
			t.Fatal(err)
		}
		url := "http://cyclonedx.org/schema/" + strings.Replace(name, "schemax", "schema", 1)
		if err := c.AddResource(url, doc); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	bom, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(bom); err != nil {
		t.Error(err)
	}
	for _, module := range []string{"pkg:golang/modernc.org/sqlite@v", "pkg:golang/github.com/expr-lang/expr@v", "pkg:golang/std@go"} {
		if !strings.Contains(out, module) {
			t.Errorf("the bill lacks %s", module)
		}
	}
}
