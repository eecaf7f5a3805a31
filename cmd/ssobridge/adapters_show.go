package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/internal/catalog"
)

func newAdaptersShow() *cobra.Command {
	var (
		path, app string
		asTOML    bool
	)
	cmd := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Say what a preset does, and what to set in the app itself",
		Long: `Say what a preset does: what the app receives, what is removed from requests, what
to set in the app itself, and a whole configuration as an example.

With --config or --app, NAME can also be an [adapter.NAME] of the file, and what to
set in the app has the values of your app: the one that --app names or, without it,
the one that uses the adapter. Without NAME, it is the app's adapter. Keys need not
be there.`,
		Example: `  ssobridge adapters show grafana
  ssobridge adapters show grafana --toml
  ssobridge adapters show --app grafana
  ssobridge adapters show our-gitea --config ssobridge.toml`,
		Args: cobra.MaximumNArgs(1),
	}
	configFlag(cmd, &path)
	cmd.Flags().StringVar(&app, "app", "", "`NAME` of the app whose values to show")
	cmd.Flags().BoolVar(&asTOML, "toml", false, "print the preset's own file")
	asJSON := formatFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("toml", "format")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("app") && app == "" {
			return &exit{exitUsage, errors.New("--app is empty; give it a value, or leave it out")}
		}
		own := cmd.Flags().Changed("config") || cmd.Flags().Changed("app")
		d, err := describeAdapter(cmd.Context(), path, app, args, own)
		switch {
		case err != nil:
			return &exit{exitUsage, err}
		case asTOML && d.Source == nil:
			return &exit{exitUsage, fmt.Errorf("--toml prints presets, and %q is no preset: it stands in %s", d.Name, d.Place)}
		case asTOML:
			_, err = cmd.OutOrStdout().Write(d.Source)
		case structured:
			err = writeJSON(cmd.OutOrStdout(), d)
		default:
			w := bufio.NewWriter(cmd.OutOrStdout())
			p := &printer{w: w}
			printDescription(p, d)
			err = cmp.Or(p.err, w.Flush())
		}
		if err != nil {
			return &exit{exitNo, err}
		}
		return nil
	}
	return cmd
}

// describeAdapter describes the adapter in args; own: as a configuration has it.
func describeAdapter(ctx context.Context, path, app string, args []string, own bool) (*catalog.Description, error) {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch {
	case !own && name == "":
		return nil, errors.New("which preset? `ssobridge adapters` lists them; --app NAME is for that of an app")
	case !own:
		return catalog.Describe(ctx, name)
	}
	c, err := config.LoadPolicy(path)
	if err != nil {
		return nil, err
	}
	return catalog.DescribeFor(ctx, c, name, app)
}

func printDescription(p *printer, d *catalog.Description) {
	p.paragraph("", d.Name+": "+d.Description)
	p.printf("\n")
	p.table(columns, factRows(d))
	if len(d.Warnings) > 0 {
		p.printf("\nKnow before you start:\n")
		for _, warning := range d.Warnings {
			for i, line := range wrap(wording.Visible(warning), columns-4) {
				p.printf("%s%s\n", []string{"  - ", "    "}[min(i, 1)], line)
			}
		}
	}
	printSends(p, d)
	printSetup(p, d)
	switch {
	case d.Example != nil:
		printExample(p, d.Example)
	case d.App != "":
		p.printf("\n")
		p.paragraph("", fmt.Sprintf("What the app receives for somebody: ssobridge explain --app %s --email EMAIL", d.App))
	}
	if len(d.Sources) > 0 {
		p.printf("\nChecked against:\n")
		for _, source := range d.Sources {
			p.printf("  %s\n", wording.Visible(source))
		}
	}
	if d.Source != nil {
		p.printf("\n")
		p.paragraph("", fmt.Sprintf("The preset's own file, with the reasons: ssobridge adapters show %s --toml", d.Name))
	}
}

func printSetup(p *printer, d *catalog.Description) {
	if d.Setup == "" {
		return
	}
	whose := ""
	switch {
	case d.App != "":
		whose = fmt.Sprintf(", with the values of [app.%s]", d.App)
	case d.Placeholder != "":
		whose = fmt.Sprintf(", where %s stands for its host (--app NAME fills in yours)", d.Placeholder)
	}
	p.printf("\nSet in the app itself%s:\n\n", whose)
	for line := range strings.SplitSeq(strings.Trim(d.Setup, "\n"), "\n") {
		p.printf("%s\n", wording.Visible(strings.ReplaceAll(line, "\t", "    ")))
	}
	if d.Elsewhere != "" {
		p.printf("\n")
		p.paragraph("", fmt.Sprintf("The app is at %s, not on ssobridge's machine: in place of 127.0.0.1, write the address of the one "+
			"as the other sees it. Nobody but ssobridge may reach the app there.", d.Elsewhere))
	}
}

func factRows(d *catalog.Description) [][]string {
	kind := d.Kind
	if d.Extends != "" {
		kind += fmt.Sprintf(", extends %q", d.Extends)
	}
	rows := [][]string{{"Kind", kind}}
	if d.Place != "" {
		rows = append(rows, []string{"Place", d.Place})
	}
	if d.Versions != "" {
		rows = append(rows, []string{"Versions", d.Versions})
	}
	if needs := d.NeedsInWords(); len(needs) > 0 {
		rows = append(rows, []string{"Needs", strings.Join(needs, ", ") + " in an [adapter.NAME] of yours, as in the example below"})
	}
	roles := "any word"
	switch {
	case d.Roles != nil:
		roles = strings.Join(d.Roles, ", ")
	case d.SendsRoles:
		roles = "any word that the app knows"
	}
	if !d.SendsRoles {
		roles += "; the app is not told: who has one enters"
	}
	rows = append(rows, []string{"Roles", roles})
	if len(d.Privileged) > 0 {
		rows = append(rows, []string{"Privileged", strings.Join(d.Privileged, ", ") + ": `ssobridge check` warns where everybody gets one"})
	}
	if len(d.SessionCookies) > 0 {
		rows = append(rows, []string{"Sessions", "the app keeps its own, in " + strings.Join(d.SessionCookies, ", ")})
	}
	switch path := d.LogoutPath(); {
	case path == "":
	case d.Kind == "headers":
		rows = append(rows, []string{"Logout", "at " + path + " the app is not told who somebody is, so that it ends its session"})
	default:
		rows = append(rows, []string{"Logout", "at " + path + ", here and in the app"})
	}
	return rows
}

func printSends(p *printer, d *catalog.Description) {
	p.printf("\nThe app receives:\n")
	rows := [][]string{}
	for _, s := range d.Sends {
		name := s.Name
		switch s.In {
		case "claim":
			name = "  claim " + name
		case "field":
			name = "  field " + name
		case "cookie":
			name = "cookie " + name
		case "sign-in header", "sign-in form", "sign-in json":
			name = "  " + s.In + " " + name
		}
		rows = append(rows, []string{name, strings.Join(append([]string{s.Source}, s.How...), ", ")})
	}
	if len(rows) == 0 {
		p.printf("  nothing of the person\n")
	} else {
		p.table(columns, rows)
	}
	p.printf("\n")
	if len(d.Deny) > 0 {
		p.paragraph("", "Denied to everybody, below any path: "+strings.Join(d.Deny, "; "))
	}
	if len(d.Strip) > 0 {
		p.paragraph("", "Removed from every request, in any spelling: "+strings.Join(d.Strip, ", "))
	}
	if len(d.StripCookies) > 0 {
		p.paragraph("", "Cookies removed from every request: "+strings.Join(d.StripCookies, ", "))
	}
	if len(d.StripQuery) > 0 {
		p.paragraph("", "Removed from the query of every address: "+strings.Join(d.StripQuery, ", "))
	}
}

func printExample(p *printer, e *catalog.Example) {
	p.printf("\nAn example, ssobridge.toml:\n\n%s\n", e.Config)
	if len(e.Files) > 0 {
		p.printf("It names files that only ssobridge's user may read:\n")
		for _, f := range e.Files {
			p.printf("  %s: %s\n", wording.Visible(f.Path), f.Holds)
			if f.Make != "" {
				p.printf("    %s\n", f.Make)
			}
		}
		p.printf("\n")
	}
	p.paragraph("", fmt.Sprintf("With it, %s, called %q, in %s, enters as %s, and the app receives:",
		e.Person.Email, e.Person.Name, strings.Join(e.Person.Groups, " and "), strings.Join(e.Roles, ", ")))
	for _, name := range slices.Sorted(maps.Keys(e.Received)) {
		for _, value := range e.Received[name] {
			p.printf("  %s: %s\n", name, wording.Visible(value))
		}
	}
	for _, name := range e.Cookies {
		p.printf("  cookie %s\n", name)
	}
	if len(e.Received)+len(e.Cookies) == 0 && e.SignIn == nil && e.Session == nil {
		p.printf("  nothing of the person\n")
	}
	printSignIn(p, e.SignIn)
	printSession(p, e.Session)
}
