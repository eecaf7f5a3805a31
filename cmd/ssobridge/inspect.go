package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/keys"
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/verifier"
)

// inspectFlags are the flags of inspect.
type inspectFlags struct {
	config, app, issuerName, jwksURL, jwksFile, publicKey, caFile, issuer, audience string
	insecureHTTP                                                                    bool
}

func newInspect() *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect [ASSERTION]",
		Short: "Say what an assertion holds, and which checks it passes",
		Long: `Say what an assertion holds, and which checks it passes: there is no need to paste
one into a website. It is checked as an app of a configuration would check it
(--config, --app), or by keys alone (--jwks-url, --jwks-file, --public-key).

The assertion is an argument, a file's name, or read from standard input ("-" or
nothing). Its signature is never printed. Exit code 1 means that a check failed.`,
		Example: `  ssobridge inspect --config ssobridge.toml --app grafana assertion.txt
  ssobridge inspect --public-key pomerium.pub assertion.txt
  pbpaste | ssobridge inspect --jwks-url https://grafana.example.com/.well-known/pomerium/jwks.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("inspect takes one assertion, and there are %d arguments; put it in quotes", len(args))
			}
			return nil
		},
	}
	asJSON := formatFlag(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "configuration `FILE` whose app to check for")
	flags.StringVar(&f.app, "app", "", "`NAME` of the app; may be left out where there is only one")
	flags.StringVar(&f.issuerName, "issuer-name", "", "`NAME` of the app's issuer to check for; default: the first")
	flags.StringVar(&f.jwksURL, "jwks-url", "", "`URL` of the issuer's keys")
	flags.StringVar(&f.jwksFile, "jwks-file", "", "`FILE` with the issuer's keys as a JWKS")
	flags.StringVar(&f.publicKey, "public-key", "", "`FILE` with the issuer's public key or certificate in PEM")
	flags.StringVar(&f.caFile, "ca-file", "", "`FILE` with the CA of --jwks-url")
	flags.BoolVar(&f.insecureHTTP, "insecure-http", false, "allow --jwks-url to be plain http")
	flags.StringVar(&f.issuer, "issuer", "", "what `ISS` must be; not checked without")
	flags.StringVar(&f.audience, "audience", "", "what `AUD` must be; not checked without")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		if err := f.check(cmd); err != nil {
			return &exit{exitUsage, err}
		}
		assertion, err := readAssertion(cmd.InOrStdin(), args)
		if err != nil {
			return &exit{exitUsage, err}
		}
		i, err := f.inspect(cmd.Context(), assertion)
		if err != nil {
			return err
		}
		now := time.Now()
		if structured {
			err = writeJSON(cmd.OutOrStdout(), inspectionJSON(i))
		} else {
			err = printInspection(cmd.OutOrStdout(), i, now)
		}
		if warning := liveWarning(i, now); warning != "" {
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+warning)
		}
		if err != nil || i.Outcome() == verifier.Failed {
			return &exit{exitNo, err}
		}
		return nil
	}
	return cmd
}

// check refuses flags that say the same twice.
func (f *inspectFlags) check(cmd *cobra.Command) error {
	var given string
	for _, name := range []string{"config", "jwks-url", "jwks-file", "public-key"} {
		switch {
		case !cmd.Flags().Changed(name):
		case given != "":
			return fmt.Errorf("--%s and --%s both say which keys to use; leave one out", given, name)
		default:
			given = name
		}
	}
	for _, name := range []string{"issuer", "audience", "ca-file", "insecure-http"} {
		if given == "config" && cmd.Flags().Changed(name) {
			return fmt.Errorf("the file of --config has what --%s says; leave it out", name)
		}
	}
	return nil
}

// inspect checks an assertion with what the flags name. Keys that cannot be had
// are an error; no keys at all are not.
func (f *inspectFlags) inspect(ctx context.Context, assertion string) (*verifier.Inspection, error) {
	if f.config != "" {
		return f.inspectForApp(ctx, assertion)
	}
	if f.app != "" {
		return nil, &exit{exitUsage, errors.New("--app needs --config")}
	}
	keys, err := f.keys(ctx)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	o := verifier.Options{Issuer: f.issuer, Algorithms: []string{verifier.ES256, verifier.RS256}, MaxBytes: maxInput}
	if f.audience != "" {
		o.Audience = []string{f.audience}
	}
	return verifier.Inspect(ctx, keys, o, assertion)
}

// keys returns the keys that the flags name, or nil.
func (f *inspectFlags) keys(ctx context.Context) (verifier.KeySource, error) {
	var (
		listed []verifier.Key
		err    error
	)
	switch {
	case f.jwksURL != "":
		source, err := keys.Fetch(ctx, &config.Issuer{
			Name: "--jwks-url", JWKSURL: f.jwksURL, CAFile: f.caFile, InsecureHTTP: f.insecureHTTP,
		})
		if err != nil {
			return nil, fmt.Errorf("--jwks-url: %w", err)
		}
		return source, nil
	case f.jwksFile != "":
		listed, err = readKeys(f.jwksFile, verifier.ParseJWKS)
	case f.publicKey != "":
		listed, err = readKeys(f.publicKey, verifier.ParsePEM)
	default:
		return nil, nil //nolint:nilnil // no keys are asked for
	}
	if err != nil {
		return nil, err
	}
	return verifier.StaticKeys(listed...), nil
}

func readKeys(path string, parse func([]byte) ([]verifier.Key, error)) ([]verifier.Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	keys, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// inspectForApp checks an assertion as the app would. Of several issuers it takes
// the first, or the one of --issuer-name.
func (f *inspectFlags) inspectForApp(ctx context.Context, assertion string) (*verifier.Inspection, error) {
	c, err := config.Load(f.config)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	a, err := pickApp(c, f.app)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	i, err := pickIssuer(a, f.issuerName)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	source, err := keys.Fetch(ctx, i)
	if err != nil {
		return nil, &exit{exitNo, fmt.Errorf("issuer %s: %w", i.Name, err)}
	}
	if i.DiscoveryURL == "" {
		return verifier.Inspect(ctx, source, decision.VerifierOptions(c, a, i, time.Now), assertion)
	}
	v, err := decision.NewVerifier(source, c, a, i, time.Now)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	return v.InspectIDToken(ctx, assertion), nil
}

func pickIssuer(a *config.App, name string) (*config.Issuer, error) {
	if name == "" {
		return a.Issuers[0], nil
	}
	var names []string
	for _, i := range a.Issuers {
		if i.Name == name {
			return i, nil
		}
		names = append(names, i.Name)
	}
	return nil, fmt.Errorf("--issuer-name: app %s has no issuer %q; it has %s", a.Name, name, strings.Join(names, ", "))
}

// liveWarning says that an assertion could still be used, unless it has expired or
// nobody would accept it. That it is for another app, or of other keys than those
// that were given, does not keep anyone from using it there.
func liveWarning(i *verifier.Inspection, now time.Time) string {
	exp, ok := i.Claims["exp"].(float64)
	if !ok || !now.Before(unixTime(exp)) {
		return ""
	}
	signed := true
	for _, c := range i.Checks {
		elsewhere := c.Name == "issuer" || c.Name == "audience" || c.Name == "key"
		if c.Outcome == verifier.Failed && !elsewhere {
			return ""
		}
		if c.Name == "signature" && c.Outcome != verifier.Passed {
			signed = false
		}
	}
	until := unixTime(exp).Format(time.RFC3339)
	if !signed {
		return "if its signature is good, this assertion can still be used: until " + until + " whoever has it is this person"
	}
	return "this assertion is still valid: until " + until + " whoever has it is this person"
}

func unixTime(seconds float64) time.Time { return time.Unix(int64(seconds), 0).UTC() }

// inspectionJSON is the JSON form of an inspection.
func inspectionJSON(i *verifier.Inspection) any {
	type check struct {
		Check   string           `json:"check"`
		Outcome verifier.Outcome `json:"outcome"`
		Reason  verifier.Reason  `json:"reason,omitempty"`
		Detail  string           `json:"detail,omitempty"`
	}
	checks := make([]check, len(i.Checks))
	for n, c := range i.Checks {
		checks[n] = check{c.Name, c.Outcome, c.Reason, c.Detail}
	}
	return struct {
		// pass, fail, or "not checked": nothing failed, but not everything
		// could be checked.
		Outcome verifier.Outcome `json:"outcome"`

		Header map[string]any `json:"header"`
		Claims map[string]any `json:"claims"`
		Checks []check        `json:"checks"`
	}{i.Outcome(), i.Header, i.Claims, checks}
}

func printInspection(w io.Writer, i *verifier.Inspection, now time.Time) error {
	p := printer{w: w}
	p.printf("Header\n")
	printMembers(&p, i.Header, now)
	p.printf("\nClaims\n")
	printMembers(&p, i.Claims, now)
	p.printf("\nChecks\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows := printer{w: t}
	for _, c := range i.Checks {
		detail := c.Detail
		if detail == "" {
			detail = compared(c.Name, i.Claims, now)
		}
		if c.Reason != "" {
			detail = fmt.Sprintf("%s (%s)", detail, c.Reason)
		}
		rows.printf("  %s\t%s\t%s\n", c.Outcome, c.Name, detail)
	}
	return cmp.Or(p.err, rows.err, t.Flush())
}

// compared is what a check of a claim that passed has looked at.
func compared(check string, claims map[string]any, now time.Time) string {
	claim := map[string]string{
		"issuer": "iss", "audience": "aud", "subject": "sub", "expiry": "exp", "not before": "nbf", "issued at": "iat",
	}[check]
	switch value := claims[claim].(type) {
	case nil:
		return "there is none"
	case string:
		return wording.Visible(value)
	case float64:
		return inWords(unixTime(value).Sub(now))
	default:
		text, err := json.Marshal(value)
		if err != nil {
			return ""
		}
		return wording.Visible(string(text))
	}
}
