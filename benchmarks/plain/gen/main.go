// Command gen writes the rules of package plain.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/issuant/issuant/benchmarks/plain/source"
)

func main() {
	out := flag.String("o", "", "file to write; standard output without it")
	flag.Parse()
	text, err := source.Text()
	if err != nil {
		log.Fatal(err)
	}
	if *out == "" {
		fmt.Print(string(text))
		return
	}
	if err := os.WriteFile(*out, text, 0o644); err != nil {
		log.Fatal(err)
	}
}
