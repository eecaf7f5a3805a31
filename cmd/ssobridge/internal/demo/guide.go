package demo

import (
	"fmt"
	"io"
	"net/url"
	"strings"
)

// guide is what the demo prints when everything runs.
type guide struct {
	site          site
	config        configFile
	bridge, admin *url.URL
}

func printGuide(w io.Writer, g guide) error {
	if _, err := io.WriteString(w, g.text()); err != nil {
		return fmt.Errorf("printing what to try: %w", err)
	}
	return nil
}

func (g guide) text() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	rule := strings.Repeat("─", 78)

	p("%s\n%s\n%s\n%s%s\n\n", rule, g.config.path, rule, g.config.text, rule)

	p("This configuration is running, behind a stand-in for Pomerium and in front of\n")
	p("sample apps that show what they receive. All of it is on this machine only.\n\n")

	p("In a browser\n\n")
	for _, a := range g.site.apps {
		p("  %-32s  %s\n", g.site.url(a.Host, "/"), a.Title)
	}
	p("  %-32s  be somebody else, or anyone you like\n\n", g.site.url(authHost, "/"))
	p("A browser that does not find these hosts by itself needs them in /etc/hosts; curl\n")
	p("needs --resolve '*:%d:127.0.0.1' then.\n\n", g.site.port)

	p("With curl\n\n")
	grafana := g.site.url("grafana.localhost", "/")
	for _, c := range []struct{ about, command string }{
		{"allowed, as Admin", curlAs("ann", grafana)},
		{"refused: no rule gives Carol a role", curlAs("carol", grafana)},
		{"spoofed: stays Bob the Editor", curlAs("bob", "-H 'X-Webauth-User: ann@example.com' -H 'X_Webauth_Role: Admin' \\\n      "+grafana)},
		{"refused: past Pomerium, without an assertion", fmt.Sprintf("curl -H 'Host: grafana.localhost' %s/", g.bridge)},
		{"an assertion, for ssobridge inspect and explain --assertion", curlAs("ann", g.site.url("grafana.localhost", jwtPath))},
		{"are the issuer's keys there?", fmt.Sprintf("curl %s", g.admin.JoinPath("readyz"))},
		{"requests by app and outcome, refusals by reason", fmt.Sprintf("curl %s", g.admin.JoinPath("metrics"))},
	} {
		p("  # %s\n  %s\n", c.about, c.command)
	}

	p("\nWhy does Bob get what he gets? (From a checkout: go run ./cmd/ssobridge explain ...)\n\n")
	bob, _ := samplePerson("bob")
	p("  ssobridge explain --config %s --app grafana \\\n    --email %s", quote(g.config.path), quote(bob.Email))
	for _, group := range bob.Groups {
		p(" --group %s", quote(group))
	}
	p("\n\nCtrl-C ends the demo.\n")
	return b.String()
}

func curlAs(key, rest string) string {
	return fmt.Sprintf("curl -b %s=%s %s", sessionCookie, key, rest)
}

// quote makes s one word of a shell.
func quote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@:"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
