// Package config turns the TOML file that people write into a Config that the
// bridge can be built from.
//
//	file ─ parse ─ document ─ decode ─ tables ─ validate ─ Config
//	         │        └ key path → line ┴──────────┤
//	         └ syntax errors                       └ Problems
//
// It is the only package that decodes TOML. Decoding is strict: a key that is
// unknown, misspelt, of the wrong type, or there twice in different case is an
// error, never ignored. Every problem is reported at once, with its file, line
// and key and with what would be right. A Config exists only when there are
// none, so nothing can run on half of a file.
package config

import (
	"cmp"
	"io/fs"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// Config is a valid configuration. It is read-only.
type Config struct {
	// Path is the main file, as it was given to Load.
	Path string
	// Server is how the bridge is reached.
	Server Server
	// Sessions is where sessions with apps are kept.
	Sessions Sessions
	// Issuers are sorted by name.
	Issuers []*Issuer
	// Apps are in the order of the file, those of included files after it.
	Apps []*App

	// What Warnings needs besides: the files, and the lists of groups.
	files   []*document
	lists   map[string][]string
	listsAt map[string]place
	trusted []trustedInclude
	// catalog is for AdapterOf.
	catalog *catalog
}

// SourceOf returns where a key of the main file stands, as "file:line"; empty: it does not.
func (c *Config) SourceOf(key string) string {
	if len(c.files) == 0 || !c.files[0].has(key) {
		return ""
	}
	return c.files[0].source(key)
}

// Server is how the bridge is reached.
type Server struct {
	// Listen is the address for users' requests, "host:port" or "unix:/path"; see
	// SplitListen.
	Listen string
	// AdminListen is the address for health and metrics.
	AdminListen string
	// AdminHosts are names by which it may be asked, beside addresses, localhost and names
	// without a dot. They are in lower case.
	AdminHosts []string
	// SocketMode are the permissions of Unix sockets.
	SocketMode fs.FileMode
	// ReusePort lets several processes listen at the same addresses.
	ReusePort bool
	// TLS is nil if Listen speaks plain HTTP.
	TLS *TLS
	// H2C accepts HTTP/2 without TLS beside HTTP/1.
	H2C bool
	// Watch reloads when a file has changed.
	Watch bool
	// Limits are those of connections.
	Limits Limits
	// TrustedProxies are the peers whose X-Forwarded-For and -Proto are believed;
	// none by default.
	TrustedProxies []netip.Prefix
	// TrustUnix believes all peers on Unix sockets, who have no address.
	TrustUnix bool
	// MaxAssertionBytes is the size from which on assertions are refused unread.
	MaxAssertionBytes int
	// FastES256 has signatures of keys in use checked with multiples of the key that are
	// made beforehand; otherwise all are by the standard library.
	FastES256 bool
	// CacheDir is where fetched keys are kept for the next start; empty: nowhere.
	CacheDir string
	// ShutdownDelay is how long after the signal to stop connections are still
	// accepted; 0: no time.
	ShutdownDelay time.Duration
	// DrainTimeout is how long requests may go on after that.
	DrainTimeout time.Duration
}

// Limits keep clients from using up what others need.
type Limits struct {
	// ReadHeaderTimeout is how long a request's header may take, TLS handshakes too.
	ReadHeaderTimeout time.Duration
	// IdleTimeout is how long a connection is kept without a request.
	IdleTimeout time.Duration
	// StallTimeout is how long a client may take nothing of what is sent to it.
	StallTimeout time.Duration
	// MaxHeaderBytes is the room for a request's header beside the assertion.
	MaxHeaderBytes int
	// MaxURIBytes is the length up to which request targets are served.
	MaxURIBytes int
	// MaxConnections are served at the same time, others wait; 0: no limit.
	// MaxConnectionsSet: the file says so.
	MaxConnections    int
	MaxConnectionsSet bool
	// MaxConcurrentStreams are the requests at the same time on a connection of
	// HTTP/2.
	MaxConcurrentStreams int
}

// Issuer is whose assertions are accepted, under which keys. Exactly one of
// JWKSURL, JWKSFile and PublicKeyFile is set.
type Issuer struct {
	// Name is the NAME of [issuer.NAME].
	Name string
	// Header is the request header that carries the assertion.
	Header string
	// Algorithms are the accepted signature algorithms, ES256 and RS256.
	Algorithms []string
	// Format is FormatHost or FormatURI.
	Format string
	// Iss is the expected issuer of every app; empty: Format decides.
	Iss string
	// Leeway is the difference of clocks that is forgiven.
	Leeway time.Duration
	// MaxStale is how long keys are used that could not be fetched anew.
	MaxStale time.Duration
	// MaxLifetime is how far away an assertion's end may be.
	MaxLifetime time.Duration
	// GoogleIAP: the assertions are those of Google's Identity-Aware Proxy.
	GoogleIAP bool
	// JWKSURL is where keys are fetched from.
	JWKSURL string
	// DiscoveryURL is the issuer URL of an OpenID provider, whose keys are
	// found by discovery and whose ID tokens are the assertions.
	DiscoveryURL string
	// Audience is the "aud" of the issuer's assertions for apps that do not
	// say; empty: the app's host.
	Audience string
	// TrustEmail keeps the email of ID tokens that do not say whether it is
	// verified.
	TrustEmail bool
	// Bearer says that the assertion follows "Bearer " in Header.
	Bearer bool
	// JWKSFile and PublicKeyFile are the files that Static came from.
	JWKSFile      string
	PublicKeyFile string
	// CAFile holds the certificates that vouch for JWKSURL; empty: the system's.
	CAFile string
	// ClientCertFile and ClientKeyFile are shown to a server of JWKSURL that
	// asks for a client certificate; both or neither.
	ClientCertFile, ClientKeyFile string
	// IgnoreCase makes the letters A to Z and a to z equal in the groups and
	// emails of this issuer's people.
	IgnoreCase bool
	// ListClaims are the claims that the issuer writes as text with commas, and that
	// are lists, besides those that are known to be.
	ListClaims []string
	// InsecureHTTP permits a JWKSURL without TLS beyond this machine.
	InsecureHTTP bool
	// Foreign: the issuer does not write the app's host as audience.
	Foreign bool
	// Static are the keys of JWKSFile or PublicKeyFile.
	Static []verifier.Key
}

// The senders of assertions that are known by name.
const (
	SourcePomerium         = "pomerium"
	SourceCloudflareAccess = "cloudflare-access"
	SourceGoogleIAP        = "google-iap"
)

// Fetched reports whether the issuer's keys come over the network.
func (i *Issuer) Fetched() bool { return i.JWKSURL != "" || i.DiscoveryURL != "" }

// The forms in which Pomerium names the issuer of its assertions, its
// jwt_issuer_format.
const (
	FormatHost = "host" // grafana.example.com
	FormatURI  = "uri"  // https://grafana.example.com/
)

// ExpectedIssuer returns the "iss" that assertions for an app at host must have.
func (i *Issuer) ExpectedIssuer(host string) string {
	switch {
	case i.DiscoveryURL != "":
		return i.DiscoveryURL
	case i.Iss != "":
		return i.Iss
	case i.Format == FormatURI:
		return "https://" + host + "/"
	default:
		return host
	}
}

// App is one app behind the bridge.
type App struct {
	// Name is the NAME of [app.NAME].
	Name string
	// Host is the app's public host name: lower case, without trailing dot or port.
	Host string
	// Aliases are its other host names, of the same form.
	Aliases []string
	// Upstream is where the app listens, for people; Upstreams are all its addresses.
	Upstream  *url.URL
	Upstreams Upstreams
	// Streams are how WebSockets and streams with the app begin and end.
	Streams Streams
	// Hide are the app's response headers that clients do not get, canonical.
	Hide []string
	// Paths are those that are public or denied, Limits what is too much.
	Paths  Paths
	Limits RequestLimits
	// Issuers are whose assertions the app accepts, one or more. Where several
	// use one header, they are asked in this order.
	Issuers []*Issuer
	// Audience is the "aud" that they must have, as the file has it; see
	// AudienceOf.
	Audience string
	// AdapterName is the preset or the [adapter.NAME].
	AdapterName string
	// PreserveHost sends the request's Host on to the app, instead of Upstream's.
	PreserveHost bool
	// Timeout is how long the app may take until its response headers.
	Timeout time.Duration
	// Policy are the app's rules as the file has them.
	Policy mapping.Policy
	// Mapper is Policy, compiled for people from the first of Issuers; those of
	// the others are in MapperOf.
	Mapper  *mapping.Mapper
	mappers map[reading]*mapping.Mapper
	// Tests are the app's policy tests.
	Tests []Test
	// Adapter is the adapter, opened for this app.
	Adapter adapter.Adapter
	// SessionCookies are the cookies of the app's own sessions, as its adapter names
	// them.
	SessionCookies []string
	// AdapterDeny are the requests that the adapter closes to everybody, beside
	// Paths.Deny. An app with them need not be strict about paths.
	AdapterDeny []PathRule
	// OwnCredentials name requests that keep a credential of the app's own.
	OwnCredentials []OwnCredential
	// Source is where the app stands, as "file:line".
	Source string

	at place
	// privileged are the roles that the adapter calls so; nil: it does not say.
	privileged []string
	// sendsNoRole: the adapter, one of the file's own, tells the app no role.
	sendsNoRole bool
}

// Hosts returns the hosts of the app. The first is the canonical one.
func (a *App) Hosts() []string { return append([]string{a.Host}, a.Aliases...) }

// At returns the app as it is under one of its hosts: assertions must be for that host,
// unless an audience is written.
func (a *App) At(host string) *App {
	at := *a
	at.Host = host
	return &at
}

// AudienceOf returns the "aud" that assertions of i must have for the app.
func (a *App) AudienceOf(i *Issuer) string {
	return cmp.Or(a.Audience, i.Audience, a.Host)
}

// MapperOf returns the app's rules, compiled for people from i.
func (a *App) MapperOf(i *Issuer) *mapping.Mapper { return a.mappers[i.reading()] }

// reading is how rules read the assertions of an issuer.
type reading struct {
	ignoreCase, wholeTexts bool
	lists                  string // sorted, each with a NUL behind it
}

// reading: an issuer that is not Pomerium has lists for lists, so that a text with
// commas is one value.
func (i *Issuer) reading() reading {
	r := reading{ignoreCase: i.IgnoreCase, wholeTexts: i.Foreign}
	for _, claim := range slices.Sorted(slices.Values(i.ListClaims)) {
		r.lists += claim + "\x00"
	}
	return r
}

func (r reading) policy(p mapping.Policy) mapping.Policy {
	p.IgnoreCase, p.WholeTexts, p.ListClaims = r.ignoreCase, r.wholeTexts, nil
	if r.lists != "" {
		p.ListClaims = strings.Split(strings.TrimSuffix(r.lists, "\x00"), "\x00")
	}
	return p
}

// PolicyFor returns rules as they are to be compiled for people from i.
func (i *Issuer) PolicyFor(p mapping.Policy) mapping.Policy { return i.reading().policy(p) }

// Privileged reports whether a role is one to be careful with: one that the
// adapter calls privileged or, where it does not say, one that is named like it.
func (a *App) Privileged(role string) bool {
	if a.privileged != nil {
		return slices.Contains(a.privileged, role)
	}
	role = strings.ToLower(role)
	return slices.ContainsFunc([]string{"admin", "owner", "root", "superuser"}, func(word string) bool {
		return strings.Contains(role, word)
	})
}

// Test is one policy test: what a person's roles must be.
type Test struct {
	// Name is for people; may be empty.
	Name string
	// Issuer is whose assertion the person brings.
	Issuer *Issuer
	// Email, Subject, Groups and other Claims are the person.
	Email   string
	Subject string
	Groups  []string
	Claims  map[string]any
	// At is when they ask; zero: when the test is run.
	At time.Time
	// Want are the roles, in any order; none: denied.
	Want []string
	// Attributes are those that the decision must have; others are not looked at.
	Attributes map[string]string
	// Source is where the test stands, as "file:line".
	Source string
}

// Deny is what a test wants of somebody who shall get no role. No role can be
// called so.
const Deny = "deny"
