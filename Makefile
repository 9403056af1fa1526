# The root module, the tool and the store are joined by go.work; benchmarks stands apart,
# so that its peers' libraries never raise the root's needs.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME   ?= 1m
PACK       ?= rules/starter

.PHONY: modules wasm build test race lint vuln fuzz bench bench-wasm soak update

# What a newcomer runs, and what CI runs first.
test:
	go vet work
	go test -timeout 20m work
	cd benchmarks && GOWORK=off go test ./...
	cd internal/vectors && GOWORK=off go test ./...
	cd crypto/provision/googlepay/openpgp && GOWORK=off go test ./...
	@./.ci/pkcs11 go test

race:
	go test -race -timeout 30m work
	@./.ci/pkcs11 go test -race

# A static binary with its version and the WASM modules in it, and the bill of materials
# that it tells of itself.
MODULES = cmd/issuant/internal/modules
build: modules
	mkdir -p bin $(MODULES)/dist
	for m in bin/wasm/*.wasm; do gzip -9 -n -c $$m > $(MODULES)/dist/$$(basename $$m).gz; done
	CGO_ENABLED=0 go build -tags modules -buildvcs=auto -trimpath -ldflags '-s -w' -o bin/issuant ./cmd/issuant
	go test -tags modules -run Carried ./$(MODULES)
	bin/issuant version --format cyclonedx > bin/issuant.cdx.json

# The modules for other runtimes, with their manifests, and what they weigh.
modules:
	go run ./wasm/mkwasm -o bin/wasm/

wasm: modules
	@if command -v node >/dev/null; then node wasm/sizes.mjs bin/wasm; else echo "node is not here: brotli sizes are not weighed"; fi

lint:
	test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt would change these files"; exit 1; }
	go vet work
	cd benchmarks && GOWORK=off go vet ./...
	cd internal/vectors && GOWORK=off go vet ./...
	cd crypto/provision/googlepay/openpgp && GOWORK=off go vet ./...
	go run $(STATICCHECK) ./...
	cd cmd/issuant && go run $(STATICCHECK) ./...
	cd store && go run $(STATICCHECK) ./...
	cd benchmarks && GOWORK=off go run $(STATICCHECK) ./...
	cd internal/vectors && GOWORK=off go run $(STATICCHECK) ./...
	cd crypto/provision/googlepay/openpgp && GOWORK=off go run $(STATICCHECK) ./...
	@./.ci/pkcs11 go vet ./...
	@./.ci/pkcs11 go run $(STATICCHECK) ./...

# Where the database does not answer, one line says so, and that is all.
vuln:
	@./.ci/vuln $(GOVULNCHECK)

# Every fuzz target of the workspace, FUZZTIME each.
fuzz:
	@./.ci/fuzz $(FUZZTIME)

bench:
	cd benchmarks && GOWORK=off go test -run '^$$' -bench . -benchtime 100x ./...

# The WASM module against the same work in this process; sizes and growth gate. With
# ISSUANT_SOAK=1 the growth is that of a million calls.
bench-wasm:
	cd benchmarks && ISSUANT_BENCH_WASM=1 GOWORK=off go test -timeout 60m -run 'Module|IdleInstance|MemoryAfter' -bench Module -benchtime 30x -v .

# Longer seeded runs than make test allows itself.
soak:
	ISSUANT_SOAK=1 go test -count 1 -timeout 60m ./rules/... ./engine/... ./crypto/... ./store/... ./wasm/... ./cmd/issuant ./internal/house

# Rewrites the golden files; read the difference before you commit it.
update:
	go test ./internal/house -run TestExportedAPI -update
	go test ./rules/compile -update
