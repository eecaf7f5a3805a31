package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildVersion reads the module's version and commit from the binary, as the Go
// command stamped them.
func buildVersion() (v, commit string) {
	v = "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v, ""
	}
	if info.Main.Version != "" {
		v = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	return v, commit
}

func version() string {
	v, _ := buildVersion()
	return v
}

func newVersion() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
	}
	asJSON := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		v, commit := buildVersion()
		if structured {
			return writeJSON(cmd.OutOrStdout(), struct {
				Version string `json:"version"`
				Commit  string `json:"commit,omitempty"`
				Go      string `json:"go"`
			}{v, commit, runtime.Version()})
		}
		p := printer{w: cmd.OutOrStdout()}
		p.printf("ssobridge %s (%s)\n", v, runtime.Version())
		return p.err
	}
	return cmd
}
