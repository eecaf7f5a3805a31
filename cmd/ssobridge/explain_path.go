package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// checkPath refuses --path beside what asks about somebody.
func (f *explainFlags) checkPath(cmd *cobra.Command) error {
	flags := cmd.Flags()
	if !flags.Changed("path") {
		return errors.New("--method goes with --path")
	}
	for _, name := range slices.Concat(personFlags, []string{"role", "privileged", "issuer", "assertion", "at"}) {
		if flags.Changed(name) {
			return fmt.Errorf("--path asks what a path is to everybody; leave --%s out", name)
		}
	}
	return nil
}

func (f *explainFlags) explainPath(apps []*config.App) (*explained, error) {
	answers, err := explain.Path(apps, f.method, f.path)
	if err != nil {
		return nil, &exit{exitUsage, fmt.Errorf("--path: %w", err)}
	}
	served := slices.ContainsFunc(answers, func(a explain.PathAnswer) bool { return a.Served() })
	return &explained{answers, func(p *printer) {
		for i := range answers {
			a := &answers[i]
			p.paragraph("", wording.Visible(a.App+": "+a.Summary))
			if a.Rule != "" {
				p.paragraph("  ", wording.Visible(a.Rule+" ("+a.Source+")"))
			}
		}
	}, served}, nil
}
