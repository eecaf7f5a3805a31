package main

import (
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/config"
)

func newAdapters() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "adapters",
		Short: "List the presets, or show one",
		Long: `List the presets that an app's adapter key can name. With show NAME, print one as
TOML, with what to set in the app itself; it is also what to start one's own
[adapter.NAME] from.`,
		Example: "  ssobridge adapters\n  ssobridge adapters show grafana",
		Args:    cobra.NoArgs,
	}
	asJSON := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		presets, err := config.BuiltinPresets()
		if err != nil {
			return &exit{exitNo, err}
		}
		if structured {
			list := make([]presetJSON, len(presets))
			for i, p := range presets {
				list[i] = presetJSONOf(p)
			}
			err = writeJSON(cmd.OutOrStdout(), list)
		} else {
			err = printPresets(cmd.OutOrStdout(), presets)
		}
		if err != nil {
			return &exit{exitNo, err}
		}
		return nil
	}
	cmd.AddCommand(newAdaptersShow())
	return cmd
}

// presetJSON is the JSON form of a preset.
type presetJSON struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Description string   `json:"description"`
	Roles       []string `json:"roles"` // null: any
	Setup       string   `json:"setup"`
	Privileged  []string `json:"privileged"` // null: by their names
	Versions    string   `json:"versions"`
	Sources     []string `json:"sources"`
	Warnings    []string `json:"warnings"`

	SessionCookies []string `json:"session_cookies"`
}

func presetJSONOf(p config.Preset) presetJSON {
	return presetJSON{
		p.Name, p.Kind, p.Description, p.Roles, p.Setup, p.Privileged, p.Versions,
		append([]string{}, p.Sources...), append([]string{}, p.Warnings...), append([]string{}, p.SessionCookies...),
	}
}

func printPresets(w io.Writer, presets []config.Preset) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := printer{w: t}
	p.printf("NAME\tKIND\tROLES\tDESCRIPTION\n")
	for _, preset := range presets {
		roles := "any"
		if preset.Roles != nil {
			roles = strings.Join(preset.Roles, ", ")
		}
		p.printf("%s\t%s\t%s\t%s\n", preset.Name, preset.Kind, roles, preset.Description)
	}
	if p.err != nil {
		return p.err
	}
	return t.Flush()
}

func newAdaptersShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Print a preset as TOML, with what to set in the app itself",
		Example: "  ssobridge adapters show grafana",
		Args:    cobra.ExactArgs(1),
	}
	asJSON := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		p, err := config.LookupPreset(args[0])
		if err != nil {
			return &exit{exitUsage, err}
		}
		if structured {
			err = writeJSON(cmd.OutOrStdout(), presetJSONOf(p))
		} else {
			_, err = cmd.OutOrStdout().Write(p.Source)
		}
		if err != nil {
			return &exit{exitNo, err}
		}
		return nil
	}
	return cmd
}
