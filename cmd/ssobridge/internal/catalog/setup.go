package catalog

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// What stands in a setup for what an installation has of its own. People's
// addresses (ann@example.com) are not among it.
var (
	// setupHost is the app's host.
	setupHost = regexp.MustCompile(`\b[a-z0-9][a-z0-9-]*\.example\.com\b`)
	// setupKeys is where the app finds the keys of tokens: ssobridge's address, and
	// the app's name.
	setupKeys = regexp.MustCompile(`127\.0\.0\.1:8080/\.ssobridge/app/([A-Za-z0-9_-]+)/`)
	// setupIssuer and setupAudience are what the app must find in a token.
	setupIssuer = regexp.MustCompile(`((?:\b|_)(?i:iss(?:uer)?)\b"?[ \t:=]+"?)ssobridge\b`)
)

func setupAudience(name string) *regexp.Regexp {
	return regexp.MustCompile(`((?:\b|_)(?i:aud(?:ience)?)\b"?[ \t:=]+"?)` + regexp.QuoteMeta(name) + `\b`)
}

// placeholders returns the app's host and name in a setup; empty: it has none.
func placeholders(setup string) (host, app string) {
	if m := setupKeys.FindStringSubmatch(setup); m != nil {
		app = m[1]
	}
	return setupHost.FindString(setup), app
}

// fillSetup writes an app's own values into a setup. Options are those of its
// adapter; a token says what they say.
func fillSetup(setup string, options map[string]any, app *config.App, server *config.Server) string {
	_, name := placeholders(setup)
	setup = setupHost.ReplaceAllLiteralString(setup, app.Host)
	if name == "" {
		return setup
	}
	setup = setupKeys.ReplaceAllLiteralString(setup, bridgeAddress(server.Listen)+"/.ssobridge/app/"+app.Name+"/")
	issuer, audience := text(options["issuer"], "ssobridge"), text(options["audience"], app.Name)
	setup = setupIssuer.ReplaceAllString(setup, "${1}"+dollars(issuer))
	setup = setupAudience(name).ReplaceAllString(setup, "${1}"+dollars(audience))
	if name == "NAME" {
		return regexp.MustCompile(`\bNAME\b`).ReplaceAllLiteralString(setup, app.Name)
	}
	return strings.ReplaceAll(setup, "[app."+name+"]", "[app."+app.Name+"]")
}

func dollars(text string) string { return strings.ReplaceAll(text, "$", "$$") }

func text(v any, otherwise string) string {
	if s, _ := v.(string); s != "" {
		return s
	}
	return otherwise
}

// bridgeAddress is where an app on the same machine reaches the bridge.
func bridgeAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// elsewhere reports whether the app is on another machine, so that "127.0.0.1" in
// a setup is not what it means.
func elsewhere(upstream *url.URL) bool {
	host := upstream.Hostname()
	ip, err := netip.ParseAddr(host)
	return host != "" && host != "localhost" && (err != nil || !ip.IsLoopback())
}
