package main

import (
	"bufio"
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/internal/catalog"
)

func newAdapters() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "adapters",
		Short: "List the presets for apps, show one, or start one's own",
		Long: `List how apps can be told who somebody is: the kinds of adapters, which are code,
and the presets, which are data for a kind. An app's adapter key names a preset, or
an [adapter.NAME] of the same file.`,
		Example: `  ssobridge adapters
  ssobridge adapters show grafana
  ssobridge adapters show --config ssobridge.toml --app grafana
  ssobridge adapters new our-gitea --from gitea
  ssobridge adapters new inventory --kind headers`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("adapters takes no argument; write adapters show %s", wording.Visible(args[0]))
			}
			return nil
		},
	}
	asJSON := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		c, err := catalog.New()
		if err != nil {
			return &exit{exitNo, err}
		}
		if structured {
			err = writeJSON(cmd.OutOrStdout(), c)
		} else {
			w := bufio.NewWriter(cmd.OutOrStdout())
			p := &printer{w: w}
			printCatalog(p, c)
			err = cmp.Or(p.err, w.Flush())
		}
		if err != nil {
			return &exit{exitNo, err}
		}
		return nil
	}
	cmd.AddCommand(newAdaptersShow(), newAdaptersNew())
	return cmd
}

func printCatalog(p *printer, c *catalog.Catalog) {
	rows := [][]string{{"KIND", "SENDS"}}
	for _, k := range c.Kinds {
		rows = append(rows, []string{k.Name, k.Summary})
	}
	p.table(columns, rows)
	p.printf("\n")
	rows = [][]string{{"PRESET", "KIND", "ROLES", "FOR"}}
	for i := range c.Presets {
		e := &c.Presets[i]
		purpose, _ := e.Parts()
		rows = append(rows, []string{e.Name, e.Kind, e.RolesInWords(20), purpose})
	}
	p.table(columns, rows)
	p.printf("\n")
	p.paragraph("", "ROLES are those that the app knows. Of \"any\" it is told whatever a rule grants, of \"-\" none.")
	p.paragraph("", "`ssobridge adapters show NAME` says more about one, and what to set in the app itself.")
}
