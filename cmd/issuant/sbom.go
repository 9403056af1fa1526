package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM writes the bill of materials of this very binary: the modules that the
// Go tool stamped into it. It names no time and no random serial, so that the same
// build gives the same bytes.
func writeSBOM(w io.Writer, info *debug.BuildInfo) error {
	bom := cyclonedx.NewBOM()
	main := component(cyclonedx.ComponentTypeApplication, info.Main)
	main.Name = "issuant"
	main.Properties = settings(info)
	bom.Metadata = &cyclonedx.Metadata{Component: &main}
	list := []cyclonedx.Component{{
		Type: cyclonedx.ComponentTypeLibrary, BOMRef: "pkg:golang/std@" + info.GoVersion, Name: "std", Version: info.GoVersion,
		PackageURL: "pkg:golang/std@" + info.GoVersion, Scope: cyclonedx.ScopeRequired,
	}}
	refs := []string{list[0].BOMRef}
	for _, m := range info.Deps {
		c := component(cyclonedx.ComponentTypeLibrary, *m)
		list = append(list, c)
		refs = append(refs, c.BOMRef)
	}
	bom.Components = &list
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	bom.SerialNumber = serial(refs, main.BOMRef)
	enc := cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON)
	return enc.SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cyclonedx.SpecVersion1_6)
}

// component describes a module as it was linked: what replaces it, if anything does.
func component(kind cyclonedx.ComponentType, m debug.Module) cyclonedx.Component {
	if m.Replace != nil && m.Replace.Version != "" {
		m = *m.Replace
	}
	version := m.Version
	if version == "(devel)" || version == "" { // of this repository: as the binary itself
		version = build().version
	}
	purl := "pkg:golang/" + strings.ToLower(m.Path) + "@" + url.QueryEscape(version)
	c := cyclonedx.Component{
		Type: kind, BOMRef: purl, Name: m.Path, Version: version, PackageURL: purl, Scope: cyclonedx.ScopeRequired,
	}
	if m.Sum != "" { // the Go checksum is over a list of files: no hash that CycloneDX knows
		c.Properties = &[]cyclonedx.Property{{Name: "go:sum", Value: m.Sum}}
	}
	return c
}

// settings are the build settings that say how the binary came to be.
func settings(info *debug.BuildInfo) *[]cyclonedx.Property {
	list := []cyclonedx.Property{}
	for _, s := range info.Settings {
		switch {
		case s.Key == "CGO_ENABLED", s.Key == "GOOS", s.Key == "GOARCH", s.Key == "-trimpath", strings.HasPrefix(s.Key, "vcs"):
			list = append(list, cyclonedx.Property{Name: "go:build:" + s.Key, Value: s.Value})
		}
	}
	return &list
}

// serial is a UUID (version 8) made of what the bill lists.
func serial(refs []string, of string) string {
	sum := sha256.Sum256([]byte(of + "\n" + strings.Join(refs, "\n")))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
