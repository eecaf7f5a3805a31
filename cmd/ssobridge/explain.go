package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// explainFlags are the flags of explain.
type explainFlags struct {
	config, app, role, issuer, assertion, at string
	path, method                             string

	privileged bool

	person explain.Person
	claims []string
}

// personFlags are those that describe a person.
var personFlags = []string{"email", "group", "subject", "name", "claim"}

func newExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Say what somebody gets in an app and why, or who could get a role",
		Long: `Say what somebody gets in an app, and why: the decision, what every rule answered,
and exactly what the app would receive. Nothing is sent to the app. Without --app,
say it of every app. With --role alone, say who could get that role; with a person
as well, whether they get it, and which condition they lack. --role deny lists the
rules that deny, --path says what a path is to everybody: public, denied or neither, and --privileged says who could get a privileged role: one that
the app's adapter calls so or, where it does not say, one whose name contains admin,
owner, root or superuser.

The person is described by --email, --group and so on, which needs no keys, or by
an assertion, which is verified with the issuer's keys first.

Exit code 1 means that they get into none of the apps, or do not get the role.`,
		Example: `  ssobridge explain --app grafana --email ann@example.com --group sre@example.com
  ssobridge explain --email ann@example.com --claim department=support
  ssobridge explain --app grafana --email bob@example.com --at 2027-02-01T00:00:00Z
  ssobridge explain --role Admin
  ssobridge explain --privileged
  ssobridge explain --app grafana --path /api/health
  ssobridge explain --role Admin --email bob@example.com --group dev
  ssobridge explain --assertion assertion.txt --format json`,
	}
	configFlag(cmd, &f.config)
	asJSON := formatFlag(cmd)
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		if err := f.check(cmd); err != nil {
			return &exit{exitUsage, err}
		}
		a, err := f.answer(cmd.Context(), cmd.InOrStdin())
		if err != nil {
			return err
		}
		if structured {
			err = writeJSON(cmd.OutOrStdout(), a.json)
		} else {
			w := bufio.NewWriter(cmd.OutOrStdout())
			p := &printer{w: w}
			a.print(p)
			err = cmp.Or(p.err, w.Flush())
		}
		if err != nil || !a.yes {
			return &exit{exitNo, err}
		}
		return nil
	}
	return cmd
}

func (f *explainFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.app, "app", "", "`NAME` of the app; default: all of them")
	flags.StringVar(&f.role, "role", "", "a `ROLE` in the app: who could get it, or whether the person does")
	flags.StringVar(&f.person.Email, "email", "", "the person's `EMAIL`")
	flags.StringArrayVar(&f.person.Groups, "group", nil, "a `GROUP` of the person, exactly as the identity provider names it; repeatable")
	flags.StringVar(&f.person.Subject, "subject", "", "the person's `SUBJECT`, the sub claim")
	flags.StringVar(&f.person.Name, "name", "", "the person's display `NAME`")
	flags.StringArrayVar(&f.claims, "claim", nil, "another claim as `NAME=VALUE`; VALUE is text, or JSON: true, 7, '[\"a\", \"b\"]', '\"true\"'; repeatable")
	flags.StringVar(&f.issuer, "issuer", "", "`NAME` of the issuer that the person comes from; default: the first of the app")
	flags.StringVar(&f.assertion, "assertion", "", "`FILE` with an assertion instead of a description; - for standard input")
	flags.StringVar(&f.path, "path", "", "a `PATH`: is it public, denied, or does it take identity?")
	flags.StringVar(&f.method, "method", "GET", "the `METHOD` of a request for --path")
	flags.StringVar(&f.at, "at", "", "decide as at this `TIME`, such as 2027-01-31T18:00:00Z; default: now")
	flags.BoolVar(&f.privileged, "privileged", false, "who could get a role that the app's adapter calls privileged, such as Admin")
}

// check refuses flags that say nothing, such as those of an unset variable: they
// would ask about somebody else.
func (f *explainFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"app", "role", "email", "subject", "name", "issuer", "assertion", "path", "method"} {
		if flag := cmd.Flags().Lookup(name); flag.Changed && flag.Value.String() == "" {
			return fmt.Errorf("--%s is empty; give it a value, or leave it out", name)
		}
	}
	if cmd.Flags().Changed("path") || cmd.Flags().Changed("method") {
		return f.checkPath(cmd)
	}
	if err := f.checkQuestion(cmd); err != nil {
		return err
	}
	if f.issuer != "" && !f.aboutPerson() {
		return errors.New("--issuer says where a person comes from; describe the person too, such as by --email")
	}
	for _, claim := range f.claims {
		if err := f.person.AddClaim(claim); err != nil {
			return err
		}
	}
	return f.person.Check()
}

// checkQuestion refuses flags that ask nothing, or two things at once.
func (f *explainFlags) checkQuestion(cmd *cobra.Command) error {
	var person []string
	for _, name := range append([]string{"issuer"}, personFlags...) {
		if cmd.Flags().Changed(name) {
			person = append(person, "--"+name)
		}
	}
	described := strings.Join(person, ", ")
	switch {
	case f.assertion != "" && described != "":
		return fmt.Errorf("--assertion says who it is; leave %s out", described)
	case f.privileged && f.role != "":
		return errors.New("--privileged asks about all privileged roles; leave --role out")
	case f.privileged && f.assertion != "":
		return errors.New("--privileged asks about everybody; leave --assertion out")
	case f.privileged && described != "":
		return fmt.Errorf("--privileged asks about everybody; leave %s out", described)
	case f.role == config.Deny && f.assertion != "", f.role == config.Deny && f.aboutPerson():
		return errors.New("--role deny lists the rules that deny; leave --role out to see whether somebody is denied")
	case !f.privileged && f.role == "" && f.assertion == "" && described == "":
		return errors.New("say who, with --email, --group or --assertion, or which role, with --role, or which path, with --path")
	}
	return nil
}

func (f *explainFlags) aboutPerson() bool {
	return f.person.Email != "" || f.person.Subject != "" || f.person.Name != "" || f.person.Groups != nil || f.claims != nil
}

// explained is an answer in both formats; yes is for the exit code.
type explained struct {
	json  any
	print func(*printer)
	yes   bool
}

func (f *explainFlags) answer(ctx context.Context, stdin io.Reader) (*explained, error) {
	at, err := f.time()
	if err != nil {
		return nil, err
	}
	load := config.LoadPolicy
	if f.assertion != "" {
		load = config.Load
	}
	c, err := load(f.config)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	apps := c.Apps
	if f.app != "" {
		a, err := pickApp(c, f.app)
		if err != nil {
			return nil, &exit{exitUsage, err}
		}
		apps = []*config.App{a}
	}
	if f.path != "" {
		return f.explainPath(apps)
	}
	if f.privileged {
		r := explain.Privileged(apps, at)
		return &explained{r, func(p *printer) { printPrivileged(p, r) }, true}, nil
	}
	if f.role != "" && f.assertion == "" && !f.aboutPerson() {
		h, err := explain.HoldersOf(apps, f.role, at)
		if err != nil {
			return nil, &exit{exitUsage, fmt.Errorf("--role: %w", err)}
		}
		return &explained{h, func(p *printer) { printRoleHolders(p, h) }, true}, nil
	}
	person, visits, err := f.visits(ctx, c, apps, stdin)
	if err != nil {
		return nil, err
	}
	if f.role != "" {
		r, err := explain.RoleOf(ctx, person, visits, f.role, at)
		if err != nil {
			return nil, &exit{exitUsage, fmt.Errorf("--role: %w", err)}
		}
		return &explained{r, func(p *printer) { printRoleOfPerson(p, r) }, r.Has}, nil
	}
	r := explain.ReachOf(ctx, person, visits, at)
	switch {
	case len(apps) == 1:
		return &explained{r.Apps[0], func(p *printer) { printExplanation(p, &r.Apps[0]) }, r.Reached() > 0}, nil
	case f.assertion != "":
		return &explained{r, func(p *printer) { printAccepted(p, r, len(apps)) }, r.Reached() > 0}, nil
	}
	return &explained{r, func(p *printer) { printReach(p, r) }, r.Reached() > 0}, nil
}

func (f *explainFlags) time() (time.Time, error) {
	if f.at == "" {
		return time.Now(), nil
	}
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return at, &exit{exitUsage, fmt.Errorf("--at is %q; write a time such as 2027-01-31T18:00:00Z", f.at)}
	}
	return at, nil
}

// visits returns who the question is about, and where they go: to the apps that
// accept the assertion, or to all.
func (f *explainFlags) visits(ctx context.Context, c *config.Config, apps []*config.App, stdin io.Reader) (explain.Person, []explain.Case, error) {
	if f.assertion == "" {
		from, err := f.from(c, apps)
		if err != nil {
			return f.person, nil, &exit{exitUsage, fmt.Errorf("--issuer: %w", err)}
		}
		if err := f.person.CheckLists(apps); err != nil {
			return f.person, nil, &exit{exitUsage, fmt.Errorf("--group: %w", err)}
		}
		return f.person, f.person.Cases(apps, from), nil
	}
	assertion, err := readAssertion(stdin, []string{f.assertion})
	if err != nil {
		return f.person, nil, &exit{exitUsage, fmt.Errorf("--assertion: %w", err)}
	}
	if !looksLikeAssertion(assertion) || strings.ContainsAny(assertion, " \t\r\n") {
		return f.person, nil, &exit{exitUsage, fmt.Errorf("--assertion: %s holds no assertion", nameOf(f.assertion))}
	}
	visits, err := explain.VerifyAssertion(ctx, c, apps, assertion)
	if err != nil {
		return f.person, nil, &exit{exitNo, err}
	}
	return explain.PersonOf(visits[0].Principal), visits, nil
}

// from returns the issuer of --issuer, or nil.
func (f *explainFlags) from(c *config.Config, apps []*config.App) (*config.Issuer, error) {
	if f.issuer == "" {
		return nil, nil //nolint:nilnil // each app's first
	}
	issuers, whose := c.Issuers, "there is"
	if len(apps) == 1 {
		issuers, whose = apps[0].Issuers, fmt.Sprintf("app %s has", apps[0].Name)
	}
	var names []string
	for _, i := range issuers {
		if i.Name == f.issuer {
			return i, nil
		}
		names = append(names, i.Name)
	}
	return nil, fmt.Errorf("%s no issuer %q%s", whose, f.issuer, wording.Instead(f.issuer, names))
}

// pickApp returns the app of a name; "" is the only one.
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
		return nil, fmt.Errorf("--app: no app is called %q%s", name, wording.Instead(name, names))
	case len(c.Apps) == 1:
		return c.Apps[0], nil
	default:
		return nil, errors.New("--app: which one? There are " + strings.Join(slices.Sorted(slices.Values(names)), ", "))
	}
}
