package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "version, revision, Go version and build tags", Args: takes(0),
		RunE: func(c *cobra.Command, _ []string) error { return printVersion(c.OutOrStdout()) },
	}
}

func printVersion(w io.Writer) error {
	b := readBuild()
	_, err := fmt.Fprintf(w, "pretrain %s\nrevision %s\n%s %s/%s\ntags     %s\n", b.version, b.revision, b.goVersion, runtime.GOOS, runtime.GOARCH, b.tags)
	return err
}

// A build says what this binary was made of.
type build struct{ version, revision, goVersion, tags string }

// readBuild asks the binary itself; what it does not know is said to be unknown.
func readBuild() build {
	b := build{version: "(devel)", revision: "unknown", goVersion: runtime.Version(), tags: "none"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.version = info.Main.Version
	}
	dirty := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = " with changes"
			}
		case "-tags":
			b.tags = s.Value
		}
	}
	b.revision += dirty
	return b
}
