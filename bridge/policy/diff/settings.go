package policydiff

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// settingsOf returns the settings that differ.
func settingsOf(oldConfig, newConfig *config.Config, o, n *config.App) []Setting {
	issuers := func(a *config.App) string {
		names := make([]string, len(a.Issuers))
		for i, issuer := range a.Issuers {
			names[i] = issuer.Name
		}
		return strings.Join(names, ", ")
	}
	settings := []Setting{
		{"name", o.Name, n.Name},
		{"host", strings.Join(o.Hosts(), ", "), strings.Join(n.Hosts(), ", ")},
		{"preserve_host", strconv.FormatBool(o.PreserveHost), strconv.FormatBool(n.PreserveHost)},
		{"timeout", o.Timeout.String(), n.Timeout.String()},
		{"audience", o.Audience, n.Audience},
		{"issuers", issuers(o), issuers(n)},
	}
	settings = append(settings, upstreamSettings(oldConfig, newConfig, o, n)...)
	settings = append(settings, pathSettings(o, n)...)
	for _, m := range matchIssuers(o, n) {
		if m.new != nil { // that one is gone, issuers says
			settings = append(settings, issuerSettings(oldConfig, newConfig, o, n, m)...)
		}
	}
	settings = append(settings, Setting{"adapter", o.AdapterName, n.AdapterName})
	before, after := oldConfig.AdapterOptions(o.AdapterName), newConfig.AdapterOptions(n.AdapterName)
	if o.AdapterName == n.AdapterName || len(before) > 0 && len(after) > 0 { // otherwise, all is said
		settings = append(settings, adapterSettings(before, after)...)
	}
	return slices.DeleteFunc(settings, func(s Setting) bool { return s.Old == s.New })
}

// issuerSettings compare whose assertions are accepted, and what of them. Of an
// issuer that is new to the app, only what is not a matter of course is said.
func issuerSettings(oldConfig, newConfig *config.Config, o, n *config.App, m issuerMatch) []Setting {
	before, after := map[string]string{}, issuerTexts(newConfig, n, m.new)
	if m.old != nil {
		before = issuerTexts(oldConfig, o, m.old)
	} else {
		for _, usual := range []string{"algorithms", "leeway", "max_stale", "max_lifetime", "header"} {
			delete(after, usual)
		}
	}
	var settings []Setting
	for _, key := range issuerKeys {
		settings = append(settings, Setting{"issuer " + m.new.Name + " " + key, before[key], after[key]})
	}
	return settings
}

// issuerKeys are those of issuerTexts, in the order of the answer.
var issuerKeys = []string{
	"keys", "ca_file", "client_cert_file", "client_key_file", "insecure_http", "iss", "audience",
	"header", "bearer", "algorithms", "trust_email", "ignore_case", "list_claims", "leeway", "max_stale", "max_lifetime",
}

const appsHost = "the app's host"

// issuerTexts are an issuer's settings as far as the app is concerned. Where they
// follow from the app's host, which is compared for itself, they say so.
func issuerTexts(c *config.Config, a *config.App, i *config.Issuer) map[string]string {
	// Paths are as seen from the configuration, which people compare where they
	// have checked it out.
	file := func(path string) string {
		if path == "" {
			return ""
		}
		if rel, err := filepath.Rel(filepath.Dir(c.Path), path); err == nil {
			return rel
		}
		return path
	}
	yes := func(is bool) string {
		if is {
			return "true"
		}
		return ""
	}
	keys := ""
	for _, source := range []struct{ kind, where string }{
		{"discovery_url", i.DiscoveryURL}, {"jwks_url", i.JWKSURL},
		{"jwks_file", file(i.JWKSFile)}, {"public_key_file", file(i.PublicKeyFile)},
	} {
		if source.where != "" {
			keys = source.kind + " " + source.where
		}
	}
	audience := i.Audience
	if a.Audience != "" {
		audience = "" // the app says
	}
	iss := i.ExpectedIssuer("HOST")
	if iss == "HOST" {
		iss = appsHost
	}
	return map[string]string{
		"keys": keys, "ca_file": file(i.CAFile), "client_cert_file": file(i.ClientCertFile), "client_key_file": file(i.ClientKeyFile),
		"insecure_http": yes(i.InsecureHTTP), "iss": iss, "audience": cmp.Or(audience, appsHost),
		"header": i.Header, "bearer": yes(i.Bearer), "algorithms": strings.Join(slices.Sorted(slices.Values(i.Algorithms)), ", "),
		"trust_email": yes(i.TrustEmail), "ignore_case": yes(i.IgnoreCase), "list_claims": strings.Join(slices.Sorted(slices.Values(i.ListClaims)), ", "), "leeway": i.Leeway.String(), "max_stale": i.MaxStale.String(), "max_lifetime": i.MaxLifetime.String(),
	}
}

// adapterSettings compare the options of adapters that are not presets.
func adapterSettings(before, after map[string]string) []Setting {
	keys := slices.Sorted(maps.Keys(before))
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if _, both := before[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	settings := make([]Setting, 0, len(keys))
	for _, key := range keys {
		if before[key] != after[key] {
			settings = append(settings, Setting{"adapter." + key, brief(before[key]), brief(after[key])})
		}
	}
	return settings
}

// mostBrief bounds an option's value on its line.
const mostBrief = 160

// brief shortens a long value to one that is still like no other's.
func brief(value string) string {
	if len(value) <= mostBrief {
		return value
	}
	cut := mostBrief
	for !utf8.RuneStart(value[cut]) {
		cut--
	}
	return fmt.Sprintf("%s... (SHA-256 %x)", value[:cut], sha256.Sum256([]byte(value)))
}
