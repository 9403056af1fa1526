module github.com/issuant/issuant/benchmarks

go 1.26.0

require github.com/issuant/issuant v0.0.0

require (
	github.com/expr-lang/expr v1.17.8 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/issuant/issuant => ..
