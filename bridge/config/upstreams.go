package config

import (
	"crypto/sha256"
	"crypto/tls"
	"net/url"
	"time"
)

// Upstreams are an app's addresses, and how it is talked to there.
type Upstreams struct {
	// Addresses are one or more, with equal paths.
	Addresses []UpstreamAddress
	// RoundRobin gives each request the next address; otherwise, all go to the first
	// that is up.
	RoundRobin bool
	// Health are the checks of the addresses; nil: none.
	Health *Health
	// HTTP2 is spoken without asking whether the app can.
	HTTP2 bool
	// ServerName, CAFile, CertFile and KeyFile are what TLS came from.
	ServerName, CAFile, CertFile, KeyFile string
	// TLS is how addresses with https are verified, and what they are shown; nil: by
	// the system's CAs, and nothing.
	TLS *tls.Config
	// ID tells Upstreams apart by all of this, the files' contents included: what has
	// the same can use the same connections.
	ID [sha256.Size]byte
}

// UpstreamAddress is one address of an app.
type UpstreamAddress struct {
	// URL is where requests go; a path in it goes before the request's.
	URL *url.URL
	// Socket is the Unix socket to connect to, in place of URL's host; empty: none.
	Socket string
	// Text is the address as the file has it.
	Text string
}

// Health are checks of an app's addresses.
type Health struct {
	Path              string
	Interval, Timeout time.Duration
}

// Base is what goes before the path of every request. The address that it has as
// well is the first.
func (u *Upstreams) Base() *url.URL { return u.Addresses[0].URL }

// Streams are how WebSockets with an app begin, and how they and other streams end.
type Streams struct {
	// Grace is how long one may go on after the assertion that it began with has
	// expired, Max how long it may last in any case.
	Grace, Max time.Duration
	// Origins are those whose pages may open one besides the app's own, in lower
	// case; "*": every one.
	Origins []string
}

type healthTable struct {
	Path     string        `toml:"path"`
	Interval time.Duration `toml:"interval"`
	Timeout  time.Duration `toml:"timeout"`
}

type upstreamTLSTable struct {
	CAFile     string `toml:"ca_file"`
	ServerName string `toml:"server_name"`
	CertFile   string `toml:"cert_file"`
	KeyFile    string `toml:"key_file"`
}

// The ways to choose among several addresses.
const (
	balanceFirst      = "first"
	balanceRoundRobin = "round-robin"
)

// Defaults of health checks.
const (
	healthInterval = 10 * time.Second
	healthTimeout  = 2 * time.Second
)

func (t *appTable) setUpstreamDefaults() {
	t.Balance = balanceFirst
	t.StreamGrace, t.StreamMax = time.Hour, 12*time.Hour
	t.MaxConcurrent = defaultMaxConcurrent
}
