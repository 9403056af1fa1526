package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

type buildInfo struct {
	version, commit, time string
	modified              bool
}

// build reads what the Go tool stamped into the binary.
func build() buildInfo {
	b := buildInfo{version: "devel"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.time":
			b.time = s.Value
		case "vcs.modified":
			b.modified = s.Value == "true"
		}
	}
	return b
}

func (a *app) versionCmd() *cobra.Command {
	return a.verb(&cobra.Command{
		Use:   "version",
		Short: "Print the versions of the tool and of its formats",
		Long: `Print the versions of the tool and of its formats.

With --format cyclonedx, print the software bill of materials of this very binary: the
modules that are linked into it, as CycloneDX 1.6 JSON.`,
		Example: `  issuant version --format json
  issuant version --format cyclonedx > issuant.cdx.json`,
		RunE: func(*cobra.Command, []string) error { return a.version() },
	}, "pretty", "json", "cyclonedx")
}

func (a *app) version() error {
	b := build()
	schema := rules.EventV1()
	event := fmt.Sprintf("%s/v%d", schema.Name(), schema.Version())
	if a.format == "cyclonedx" {
		info, ok := debug.ReadBuildInfo()
		if !ok {
			return fail(exitFailed, "version: this binary was built without module information")
		}
		return writeSBOM(a.out, info)
	}
	if a.format == "json" {
		w := canon.NewWriter(nil).Object().Key("version").String(b.version).Key("commit").StringOrNull(b.commit)
		w.Key("commit_time").StringOrNull(b.time).Key("modified").Bool(b.modified)
		w.Key("go").String(runtime.Version()).Key("os").String(runtime.GOOS).Key("arch").String(runtime.GOARCH)
		w.Key("event_schema").String(event).Key("formats").Object()
		for _, f := range formatVersions {
			w.Key(f.name).Int(f.version)
		}
		w.EndObject().EndObject()
		_, err := fmt.Fprintf(a.out, "%s\n", w.Bytes())
		return err
	}
	text := fmt.Sprintf("issuant %s (%s, %s/%s)\n", b.version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if b.commit != "" {
		dirty := ""
		if b.modified {
			dirty = ", with local changes"
		}
		text += fmt.Sprintf("commit %s of %s%s\n", b.commit, b.time, dirty)
	}
	text += "event schema " + event
	for _, f := range formatVersions {
		text += fmt.Sprintf(", %s format %d", f.name, f.version)
	}
	_, err := fmt.Fprintln(a.out, text)
	return err
}
