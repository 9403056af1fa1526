// Package config reads what issuant serve is told: flags over ISSUANT_* variables
// over a YAML file. One table (settings.go) names every setting with its type, its
// bounds and its meaning; flags, variables, the file and their documentation are all
// made from it.
//
// Parse never stops at the first mistake: it returns every fault with its place, so
// that an operator corrects a file once. It looks at texts alone; files that the
// settings name are opened by whoever uses them.
package config
