package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/internal/catalog"
)

func newAdaptersNew() *cobra.Command {
	var from, kind string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Print an [adapter.NAME] to start one's own from",
		Long: `Print an [adapter.NAME] with comments, to add to a configuration and change: a preset
with changes (--from), or one from scratch, of a kind (--kind). It is valid as it is,
but for files that it names.`,
		Example: `  ssobridge adapters new our-gitea --from gitea >> ssobridge.toml
  ssobridge adapters new inventory > apps/inventory.toml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("give the adapter one name, such as: ssobridge adapters new our-wiki")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the `PRESET` to start from; default: none")
	cmd.Flags().StringVar(&kind, "kind", "headers", "the `KIND` of one from scratch: headers, jwt or sso")
	cmd.MarkFlagsMutuallyExclusive("from", "kind")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		start, basis := catalog.StartKind, kind
		if cmd.Flags().Changed("from") {
			start, basis = catalog.StartFrom, from
		}
		text, err := start(args[0], basis)
		if err != nil {
			return &exit{exitUsage, err}
		}
		if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil {
			return &exit{exitNo, err}
		}
		return nil
	}
	return cmd
}
