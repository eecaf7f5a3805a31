package config

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ssobridge/ssobridge/bridge/request"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

const (
	exampleUpstream = "http://127.0.0.1:3000"
	exampleSocket   = "unix:/run/app.sock"
)

// checkUpstreams fills in all of a that is about its upstreams.
func (l *loader) checkUpstreams(at place, t appTable, a *App) {
	u := &a.Upstreams
	u.Addresses = l.validAddresses(at, t)
	if len(u.Addresses) == 0 {
		return // reported
	}
	a.Upstream = u.Addresses[0].display()
	u.RoundRobin = t.Balance == balanceRoundRobin
	u.HTTP2 = t.UpstreamHTTP2
	l.checkBalance(at, t, u)
	contents := l.upstreamTLS(at.key("upstream_tls"), t.UpstreamTLS, u)
	texts := append(contents, u.ServerName, fmt.Sprint(t.Timeout, u.RoundRobin, u.HTTP2))
	for _, address := range u.Addresses {
		texts = append(texts, address.Text)
	}
	if u.Health != nil {
		texts = append(texts, fmt.Sprint(*u.Health, t.PreserveHost), a.Host)
	}
	u.ID = sumOf(texts...)
}

// validAddresses returns the addresses of "upstream" or of "upstreams".
func (l *loader) validAddresses(at place, t appTable) []UpstreamAddress {
	one, several := at.key("upstream"), at.key("upstreams")
	if !at.doc.has(several.path) {
		if address, problem := parseUpstream(t.Upstream); problem != "" {
			l.report.add(one, "%s", problem)
		} else {
			l.checkLoop(one, address)
			at.doc.bounds.upstream(one, address)
			return []UpstreamAddress{address}
		}
		return nil
	}
	if at.doc.has(one.path) {
		l.report.add(several, "beside upstream: keep one of them")
		return nil
	}
	if len(t.Upstreams) == 0 {
		l.report.add(several, "empty: write URLs such as %q", exampleUpstream)
	}
	var addresses []UpstreamAddress
	for i, text := range t.Upstreams {
		key := several.index(i + 1)
		address, problem := parseUpstream(text)
		same := func(other UpstreamAddress) bool { return other.key() == address.key() }
		switch {
		case problem != "":
			l.report.add(key, "%s", problem)
		case slices.ContainsFunc(addresses, same):
			l.report.add(key, "%q is listed twice: remove one", text)
		case len(addresses) > 0 && addresses[0].URL.EscapedPath() != address.URL.EscapedPath():
			l.report.add(key, "the path %q is not that of the first address, %q: they are one app, under the same paths",
				address.URL.EscapedPath(), addresses[0].URL.EscapedPath())
		default:
			l.checkLoop(key, address)
			at.doc.bounds.upstream(key, address)
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// parseUpstream reads an address of an app: a URL, or a Unix socket, behind which
// ":/path" may stand.
func parseUpstream(text string) (a UpstreamAddress, problem string) {
	a.Text = text
	if rest, isSocket := strings.CutPrefix(text, unixPrefix); isSocket {
		return parseSocket(text, rest)
	}
	var u *url.URL
	u, problem = parseURL(text, exampleUpstream)
	switch {
	case problem != "":
	case u.RawQuery != "" || u.ForceQuery:
		problem = "an upstream has no query (?...): requests bring their own"
	case strings.Contains(text, "#"):
		problem = "an upstream has no fragment (#...): remove it"
	case request.HasDotSegment(u.Path):
		problem = fmt.Sprintf(`%q has "." or ".." in its path: write the path that is meant`, text)
	}
	a.URL = u
	return a, problem
}

func parseSocket(text, rest string) (a UpstreamAddress, problem string) {
	socket, below, _ := strings.Cut(rest, ":")
	u, err := url.Parse("http://localhost" + below)
	switch {
	case strings.HasPrefix(rest, "//"):
		problem = fmt.Sprintf("%q is no address: a Unix socket is %q", text, unixPrefix+path.Clean("/"+strings.TrimLeft(rest, "/")))
	case !path.IsAbs(socket) || path.Clean(socket) != socket || socket == "/" || len(socket) > maxUpstreamSocket:
		problem = fmt.Sprintf("%q is no path of a socket: write an absolute one of at most %d bytes, such as %q", socket, maxUpstreamSocket, exampleSocket)
	case below != "" && below[0] != '/', err != nil, strings.ContainsAny(below, "?#"), err == nil && request.HasDotSegment(u.Path):
		problem = fmt.Sprintf("%q is no path below a socket: write such as %q", below, exampleSocket+":/base")
	}
	return UpstreamAddress{URL: u, Socket: socket, Text: text}, problem
}

// maxUpstreamSocket is what the least of systems takes, with a NUL.
const maxUpstreamSocket = 103

// key is equal for addresses that lead to the same place.
func (a UpstreamAddress) key() string {
	return a.Socket + "\x00" + a.URL.Scheme + "\x00" + strings.ToLower(a.URL.Host)
}

// display is the address for people: URL, which for a socket would be of no use.
func (a UpstreamAddress) display() *url.URL {
	if a.Socket == "" {
		return a.URL
	}
	return &url.URL{Scheme: "unix", Opaque: strings.TrimPrefix(a.Text, unixPrefix)}
}

// checkBalance checks what has an effect with several addresses only.
func (l *loader) checkBalance(at place, t appTable, u *Upstreams) {
	balance, health := at.key("balance"), at.key("health")
	if len(t.Upstreams) < 2 && !at.doc.has(at.key("upstreams").path) {
		for _, key := range []place{balance, health} {
			if at.doc.has(key.path) {
				l.report.spoil(key, "has no effect with one upstream: remove it, or write upstreams = [...]")
			}
		}
		return
	}
	if known := []string{balanceFirst, balanceRoundRobin}; !slices.Contains(known, t.Balance) {
		l.report.add(balance, "%q is not known%s", t.Balance, wording.Instead(t.Balance, known))
	}
	if !at.doc.has(health.path) {
		return
	}
	h := Health(t.Health)
	interval, timeout := health.key("interval"), health.key("timeout")
	if !at.doc.has(interval.path) {
		h.Interval = healthInterval
	}
	if !at.doc.has(timeout.path) {
		h.Timeout = healthTimeout
	}
	if target, err := url.ParseRequestURI(h.Path); err != nil || target.Host != "" || h.Path[0] != '/' {
		l.report.add(health.key("path"), `%q is no path: write such as "/healthz"; that of the upstream does not go before it`, h.Path)
	}
	l.checkPositive(interval, h.Interval, "10s")
	l.checkPositive(timeout, h.Timeout, "2s")
	u.Health = &h
}

// upstreamTLS sets what u has of TLS, and returns what stands in the files that it is
// from.
func (l *loader) upstreamTLS(at place, t upstreamTLSTable, u *Upstreams) (contents []string) {
	if !at.doc.has(at.path) {
		return nil
	}
	if !slices.ContainsFunc(u.Addresses, func(a UpstreamAddress) bool { return a.URL.Scheme == "https" }) {
		l.report.spoil(at, "has no effect without an upstream that begins with https: remove it")
		return nil
	}
	u.CAFile, u.CertFile, u.KeyFile = resolvePath(at, t.CAFile), resolvePath(at, t.CertFile), resolvePath(at, t.KeyFile)
	u.ServerName = t.ServerName
	name := at.key("server_name")
	l.checkNotBlank(name, t.ServerName, "write the name in the upstream's certificate, or leave the key out for that of its URL")
	if _, err := netip.ParseAddr(t.ServerName); t.ServerName != "" && err != nil {
		if problem := hostProblem(strings.ToLower(t.ServerName)); problem != "" {
			l.report.add(name, "%s", problem)
		}
	}
	files := clientTLS{at.key("ca_file"), at.key("cert_file"), at.key("key_file"), u.CAFile, u.CertFile, u.KeyFile}
	u.TLS, contents = files.read(l)
	if u.TLS == nil {
		u.TLS = defaultClientTLS()
	}
	u.TLS.ServerName = t.ServerName
	return contents
}

// validStreams returns how WebSockets and streams begin and end.
func (l *loader) validStreams(at place, t appTable) Streams {
	if t.StreamGrace < 0 {
		l.report.add(at.key("stream_grace"), `%s is less than 0: write "0s" to end streams when the assertion expires`, t.StreamGrace)
	}
	l.checkPositive(at.key("stream_max"), t.StreamMax, "12h")
	s := Streams{Grace: t.StreamGrace, Max: t.StreamMax}
	for i, text := range t.Origins {
		key := at.key("origins").index(i + 1)
		if text == "*" {
			s.Origins = append(s.Origins, text)
			continue
		}
		u, err := url.Parse(text)
		switch {
		case strings.Contains(text, "*"):
			l.report.add(key, `%q: no patterns; write each origin, or "*" alone for every one`, text)
		case err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.User != nil || strings.Contains(text, "#"):
			l.report.add(key, `an origin is what browsers send as Origin, without a path: write such as "https://other.example.com"`)
		default:
			s.Origins = append(s.Origins, strings.ToLower(text))
		}
	}
	return s
}

// framing are response headers that are no app's to keep, nor ours to hide.
var framing = []string{"Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Trailer", "Content-Type", "Content-Encoding", "Location", "Set-Cookie"}

// validHidden returns the names of response headers in canonical form.
func (l *loader) validHidden(at place, names []string) []string {
	var hidden []string
	for i, name := range names {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			l.report.add(at.index(i+1), `%q is no header name: write such as "Server"`, name)
		case slices.Contains(framing, canonical):
			l.report.add(at.index(i+1), "answers make no sense without %s: remove it", canonical)
		case slices.Contains(hidden, canonical):
			l.report.add(at.index(i+1), "%q is listed twice: remove one", name)
		default:
			hidden = append(hidden, canonical)
		}
	}
	return hidden
}
