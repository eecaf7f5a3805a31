package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/internal/demo"
)

func newDemo() *cobra.Command {
	var o demo.Options
	var logLevel string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try it: a stand-in for Pomerium, ssobridge, and sample apps, on this machine",
		Long: `Try it: a stand-in for Pomerium with a page to sign in as anyone, ssobridge itself
with a configuration that is printed, and sample apps that show what they receive.
Everything listens on this machine only. Ctrl-C ends it.`,
		Example: "  ssobridge demo",
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(cmd.ErrOrStderr(), "text", logLevel)
			if err != nil {
				return &exit{exitUsage, err}
			}
			defer filterStandardLog(log)()
			o.Out, o.Log = cmd.OutOrStdout(), log
			ctx, cancel := untilSignal(cmd.Context())
			defer cancel()
			err = demo.Run(ctx, o)
			if _, usage := errors.AsType[*demo.OptionError](err); usage {
				return &exit{exitUsage, err}
			}
			if err != nil {
				return &exit{exitNo, err}
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&o.Port, "port", 8000, "`PORT` of the stand-in for Pomerium: where to point the browser")
	cmd.Flags().IntVar(&o.BridgePort, "bridge-port", 8001, "`PORT` of ssobridge itself")
	cmd.Flags().IntVar(&o.AdminPort, "admin-port", 8002, "`PORT` of ssobridge's health and metrics")
	cmd.Flags().StringVar(&logLevel, "log-level", "info", "least `LEVEL` to log: debug, info, warn or error")
	return cmd
}
