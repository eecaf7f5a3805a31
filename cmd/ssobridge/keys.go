package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/keys"
)

func newKeys() *cobra.Command {
	var path string
	var fetch bool
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Show each issuer's keys",
		Long: `Show each issuer's keys: IDs, algorithms, when the issuer last published them, when
they are fetched next, and why the last fetch failed.

It asks the running bridge at the configuration's admin_listen. With --fetch it asks
the issuers itself, as a bridge that starts now would. Exit code 1 means that an
issuer has no usable key.`,
		Example: "  ssobridge keys --config ssobridge.toml\n  ssobridge keys --fetch",
	}
	configFlag(cmd, &path)
	asJSON := formatFlag(cmd)
	cmd.Flags().BoolVar(&fetch, "fetch", false, "ask the issuers, not the running bridge")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		issuers, err := loadKeys(cmd.Context(), path, fetch)
		if err != nil {
			return err
		}
		if structured {
			err = writeJSON(cmd.OutOrStdout(), issuers)
		} else {
			err = printKeys(cmd.OutOrStdout(), issuers, time.Now())
		}
		if err != nil {
			return &exit{exitNo, err}
		}
		for _, i := range issuers {
			if !i.Usable {
				return &exit{exitNo, nil}
			}
		}
		return nil
	}
	return cmd
}

func loadKeys(ctx context.Context, path string, fetch bool) ([]keys.Issuer, error) {
	c, err := config.Load(path)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	if fetch {
		return keys.FetchAll(ctx, c), nil
	}
	issuers, err := keys.OfRunning(ctx, c)
	if err != nil {
		return nil, &exit{exitNo, fmt.Errorf("%w; with --fetch, the issuers are asked instead of a running bridge", err)}
	}
	return issuers, nil
}

func printKeys(w io.Writer, issuers []keys.Issuer, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := printer{w: t}
	p.printf("ISSUER\tALGORITHM\tKEY ID\tCONFIRMED\tNEXT FETCH\n")
	for _, i := range issuers {
		confirmed, next := i.From, "-"
		if i.ConfirmedAt != nil {
			confirmed = inWords(i.ConfirmedAt.Sub(now))
		}
		if i.NextRefresh != nil {
			next = inWords(i.NextRefresh.Sub(now))
		}
		if len(i.Keys) == 0 {
			p.printf("%s\t-\tnone\t-\t%s\n", i.Issuer, next)
		}
		for _, k := range i.Keys {
			p.printf("%s\t%s\t%s\t%s\t%s\n", i.Issuer, k.Algorithm, k.ID, confirmed, next)
		}
	}
	if p.err == nil {
		p.err = t.Flush()
	}
	p.w = w
	for _, i := range issuers {
		for _, skipped := range i.Skipped {
			p.printf("\n%s: not used: %s\n", i.Issuer, skipped)
		}
		if i.LastError != "" {
			from := ""
			if !strings.Contains(i.LastError, i.From) {
				from = " of " + i.From
			}
			p.printf("\n%s: the last fetch%s failed: %s\n", i.Issuer, from, i.LastError)
		}
		if !i.Usable {
			p.printf("%s: no usable key: every assertion is refused\n", i.Issuer)
		}
	}
	return p.err
}
