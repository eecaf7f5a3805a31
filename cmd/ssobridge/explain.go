package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/server"
	"github.com/ssobridge/ssobridge/verifier"
)

// explainFlags are the flags of explain.
type explainFlags struct {
	config, app, email, subject, name, assertion, at string
	groups                                           []string
}

func newExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Say what somebody gets in an app, and why",
		Long: `Say what somebody gets in an app, and why: the decision, what every rule answered,
and exactly what the app would receive. Nothing is sent to the app.

The person is described by --email, --group and so on, or by an assertion, which
is verified with the issuer's keys first. Exit code 1 means that they do not get in.`,
		Example: `  ssobridge explain --app grafana --email ann@example.com --group sre@example.com
  ssobridge explain --app grafana --email bob@example.com --at 2027-02-01T00:00:00Z
  ssobridge explain --app grafana --assertion assertion.txt --format json`,
		Args: cobra.NoArgs,
	}
	configFlag(cmd, &f.config)
	asJSON := formatFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.app, "app", "", "`NAME` of the app; may be left out where there is only one")
	flags.StringVar(&f.email, "email", "", "the person's `EMAIL`")
	flags.StringArrayVar(&f.groups, "group", nil, "a `GROUP` of the person, exactly as the identity provider names it; repeatable")
	flags.StringVar(&f.subject, "subject", "", "the person's `SUBJECT`, for adapters that send it")
	flags.StringVar(&f.name, "name", "", "the person's display `NAME`")
	flags.StringVar(&f.assertion, "assertion", "", "`FILE` with an assertion instead of a description; - for standard input")
	flags.StringVar(&f.at, "at", "", "decide as at this `TIME`, such as 2027-01-31T18:00:00Z; default: now")
	cmd.MarkFlagsMutuallyExclusive("assertion", "email")
	cmd.MarkFlagsMutuallyExclusive("assertion", "group")
	cmd.MarkFlagsMutuallyExclusive("assertion", "subject")
	cmd.MarkFlagsMutuallyExclusive("assertion", "name")
	cmd.MarkFlagsOneRequired("assertion", "email", "group", "subject")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		e, err := f.explain(cmd.Context(), cmd.InOrStdin())
		if err != nil {
			return err
		}
		if structured {
			err = writeJSON(cmd.OutOrStdout(), e)
		} else {
			err = printExplanation(cmd.OutOrStdout(), e)
		}
		if err != nil || !e.Allowed() {
			return &exit{exitNo, err}
		}
		return nil
	}
	return cmd
}

func (f *explainFlags) explain(ctx context.Context, stdin io.Reader) (*bridge.Explanation, error) {
	at := time.Now()
	if f.at != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, f.at); err != nil {
			return nil, &exit{exitUsage, fmt.Errorf("--at is %q; write a time such as 2027-01-31T18:00:00Z", f.at)}
		}
	}
	c, err := config.Load(f.config)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	a, err := pickApp(c, f.app)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	p := &verifier.Principal{
		// A real subject is never empty.
		Subject: cmp.Or(f.subject, f.email, "subject"), Email: f.email, Name: f.name, Groups: f.groups,
	}
	if f.assertion != "" {
		if p, err = f.verify(ctx, c, a, stdin); err != nil {
			return nil, err
		}
	}
	e := bridge.Explain(ctx, a, p, at)
	return &e, nil
}

// verify reads and verifies the assertion of --assertion.
func (f *explainFlags) verify(ctx context.Context, c *config.Config, a *config.App, stdin io.Reader) (*verifier.Principal, error) {
	assertion, err := readAssertion(stdin, []string{f.assertion})
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	p, err := server.VerifyAssertion(ctx, c, a, assertion)
	var refusal *verifier.Error
	switch {
	case errors.As(err, &refusal):
		return nil, &exit{exitNo, fmt.Errorf("app %s would refuse this assertion: %w", a.Name, err)}
	case err != nil:
		return nil, &exit{exitNo, fmt.Errorf("whether app %s would refuse this assertion cannot be told: %w", a.Name, err)}
	}
	return p, nil
}

func pickApp(c *config.Config, name string) (*config.App, error) {
	names := make([]string, len(c.Apps))
	for i, a := range c.Apps {
		if a.Name == name {
			return a, nil
		}
		names[i] = a.Name
	}
	switch {
	case name != "":
		return nil, fmt.Errorf("--app: no app %q; there are %s", name, strings.Join(names, ", "))
	case len(c.Apps) == 1:
		return c.Apps[0], nil
	default:
		return nil, errors.New("--app: which one? There are " + strings.Join(names, ", "))
	}
}

func printExplanation(w io.Writer, e *bridge.Explanation) error {
	p := printer{w: w}
	if e.Allowed() {
		p.printf("%s: allowed as %s, because %s\n", e.App, strings.Join(e.Roles, ", "), e.Reason)
	} else {
		p.printf("%s: denied, because %s\n", e.App, e.Reason)
	}
	p.printf("\nRules, in order:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows := printer{w: t}
	for _, s := range e.Steps {
		detail := s.Detail
		if s.Condition != "" {
			detail = s.Condition + ": " + detail
		}
		rows.printf("  %s\t%s\t%s\t%s\t%s\n", s.Rule, s.Role, s.Verdict, detail, s.Source)
	}
	p.err = cmp.Or(p.err, rows.err, t.Flush())
	if e.Allowed() {
		p.printf("\n%s receives:\n", e.Upstream)
		for _, name := range slices.Sorted(maps.Keys(e.Header)) {
			p.printf("  %s: %s\n", name, e.Header[name])
		}
		for _, name := range e.Cookies {
			p.printf("  cookie %s\n", name)
		}
	}
	p.printf("\nRemoved from every request, in any spelling: %s\n", strings.Join(e.Strip, ", "))
	return p.err
}
