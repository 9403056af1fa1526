//go:build !race

package pismo_test

const underRace = false
