package benchmarks

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/issuant/issuant/benchmarks/ruleset"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

func TestZCompile(t *testing.T) {
	list := ruleset.Rules(10000, ruleset.Plain)
	fsys := ruleset.Pack(list)
	var p *rules.Pack
	fmt.Println("compile.FS", timed(func() { p, _ = compile.FS(fsys, compile.Options{}) }))
	fmt.Println("CompileManifest", timed(func() { compile.Compiler{}.CompileManifest(p.Manifest()) }))
	fmt.Println("expr", timed(func() {
		for i := range list {
			if _, err := expr.Compile(ruleset.Expr(list[i].When), expr.Env(ruleset.Event{}), expr.AsBool()); err != nil {
				t.Fatal(err)
			}
		}
	}))
	b := p.Encode()
	fmt.Println("bytes", len(b), len(p.EncodeSource()))
	var q *rules.Pack
	runtime.GC()
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	for range 8 {
		fmt.Println("load", timed(func() { q, _ = rules.Load(b, nil) }))
	}
	runtime.GC()
	runtime.ReadMemStats(&m1)
	fmt.Println("MiB", float64(m1.HeapAlloc-m0.HeapAlloc)/(1<<20))
	runtime.KeepAlive(q)
	runtime.KeepAlive(p)
}
