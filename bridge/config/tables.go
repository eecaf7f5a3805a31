package config

import (
	"time"

	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// The tables of the file as people write them, with the defaults of keys that
// they leave out. What the values must be like is checked afterwards.

type fileTable struct {
	Include  []includeTable            `toml:"include"`
	Server   serverTable               `toml:"server"`
	Sessions sessionsTable             `toml:"sessions"`
	Issuers  map[string]issuerTable    `toml:"issuer"`
	Groups   map[string][]string       `toml:"groups"`
	Adapters map[string]map[string]any `toml:"adapter"` // decoded with the options of its kind
	Apps     map[string]appTable       `toml:"app"`
}

type serverTable struct {
	Listen            string        `toml:"listen"`
	AdminListen       string        `toml:"admin_listen"`
	AdminHosts        []string      `toml:"admin_hosts"`
	TrustedProxies    []string      `toml:"trusted_proxies"`
	MaxAssertionBytes int           `toml:"max_assertion_bytes"`
	ShutdownDelay     time.Duration `toml:"shutdown_delay"`
	DrainTimeout      time.Duration `toml:"drain_timeout"`
	CacheDir          string        `toml:"cache_dir"`
	FastES256         bool          `toml:"fast_es256"`

	SocketMode string `toml:"socket_mode"`
	ReusePort  bool   `toml:"reuse_port"`
	TLSCert    string `toml:"tls_cert_file"`
	TLSKey     string `toml:"tls_key_file"`
	ClientCA   string `toml:"tls_client_ca_file"`
	H2C        bool   `toml:"h2c"`
	Watch      bool   `toml:"watch"`

	ReadHeaderTimeout    time.Duration `toml:"read_header_timeout"`
	IdleTimeout          time.Duration `toml:"idle_timeout"`
	StallTimeout         time.Duration `toml:"stall_timeout"`
	MaxHeaderBytes       int           `toml:"max_header_bytes"`
	MaxURIBytes          int           `toml:"max_uri_bytes"`
	MaxConnections       int           `toml:"max_connections"`
	MaxConcurrentStreams int           `toml:"max_concurrent_streams"`
}

type issuerTable struct {
	Source        string        `toml:"source"`
	DiscoveryURL  string        `toml:"discovery_url"`
	Audience      string        `toml:"audience"`
	Bearer        bool          `toml:"bearer"`
	TrustEmail    bool          `toml:"trust_email"`
	JWKSURL       string        `toml:"jwks_url"`
	JWKSFile      string        `toml:"jwks_file"`
	PublicKeyFile string        `toml:"public_key_file"`
	Header        string        `toml:"header"`
	Algorithms    []string      `toml:"algorithms"`
	Format        string        `toml:"issuer_format"`
	Iss           string        `toml:"iss"`
	Leeway        time.Duration `toml:"leeway"`
	MaxStale      time.Duration `toml:"max_stale"`
	MaxLifetime   time.Duration `toml:"max_lifetime"`
	CAFile        string        `toml:"ca_file"`
	ClientCert    string        `toml:"client_cert_file"`
	ClientKey     string        `toml:"client_key_file"`
	InsecureHTTP  bool          `toml:"insecure_http"`
	IgnoreCase    bool          `toml:"ignore_case"`
	ListClaims    []string      `toml:"list_claims"`
}

type appTable struct {
	Host         string         `toml:"host"`
	Hosts        []string       `toml:"hosts"`
	Upstream     string         `toml:"upstream"`
	Upstreams    []string       `toml:"upstreams"`
	Issuer       string         `toml:"issuer"`
	Issuers      []string       `toml:"issuers"`
	Audience     string         `toml:"audience"`
	Adapter      string         `toml:"adapter"`
	PreserveHost bool           `toml:"preserve_host"`
	Timeout      time.Duration  `toml:"timeout"`
	Match        string         `toml:"match"`
	DefaultRole  string         `toml:"default_role"`
	Rules        []mapping.Rule `toml:"rule"`
	Tests        []testTable    `toml:"test"`

	Balance       string           `toml:"balance"`
	Health        healthTable      `toml:"health"`
	UpstreamTLS   upstreamTLSTable `toml:"upstream_tls"`
	UpstreamHTTP2 bool             `toml:"upstream_http2"`
	StreamGrace   time.Duration    `toml:"stream_grace"`
	StreamMax     time.Duration    `toml:"stream_max"`
	Origins       []string         `toml:"origins"`
	Hide          []string         `toml:"hide"`

	Paths         string      `toml:"paths"`
	EncodedSlash  bool        `toml:"encoded_slash"`
	Public        []pathTable `toml:"public"`
	Deny          []pathTable `toml:"deny"`
	CORSPreflight bool        `toml:"cors_preflight"`

	OwnCredentials []credentialTable `toml:"own_credentials"`

	MaxConcurrent int    `toml:"max_concurrent"`
	MaxPerPerson  int    `toml:"max_concurrent_per_person"`
	MaxBodyBytes  int    `toml:"max_body_bytes"`
	Rate          string `toml:"rate"`
	Burst         int    `toml:"burst"`
}

type testTable struct {
	Name       string            `toml:"name"`
	Issuer     string            `toml:"issuer"`
	Email      string            `toml:"email"`
	Subject    string            `toml:"subject"`
	Groups     []string          `toml:"groups"`
	Claims     map[string]any    `toml:"claims"`
	At         time.Time         `toml:"at"`
	Want       oneOrMore         `toml:"want"`
	Attributes map[string]string `toml:"want_attributes"`
}

// oneOrMore is a string or an array of them.
type oneOrMore []string

// optionsTable are the keys that every preset and every [adapter.NAME] may
// have; the others are those of its kind.
type optionsTable struct {
	Kind        string   `toml:"kind"`
	Extends     string   `toml:"extends"`
	Description string   `toml:"description"`
	Setup       string   `toml:"setup"`
	Roles       []string `toml:"roles"`
	Privileged  []string `toml:"privileged"`
	KnownBy     []string `toml:"known_by"`

	// What people should know before they put the app behind the bridge.
	Versions       string   `toml:"versions"`
	Sources        []string `toml:"sources"`
	Warnings       []string `toml:"warnings"`
	SessionCookies []string `toml:"session_cookies"`

	// Deny is what one layer denies. denied are the rules of all layers together: a layer
	// adds to the rules below it, and takes none back.
	Deny   []pathTable `toml:"deny"`
	denied []PathRule
}

func (t *serverTable) setDefaults() {
	*t = serverTable{
		Listen:            ":8080",
		AdminListen:       "127.0.0.1:9090",
		MaxAssertionBytes: 128 << 10,
		DrainTimeout:      30 * time.Second,
		SocketMode:        "0660",
		FastES256:         true,

		ReadHeaderTimeout:    10 * time.Second,
		IdleTimeout:          2 * time.Minute,
		StallTimeout:         time.Minute,
		MaxHeaderBytes:       64 << 10,
		MaxURIBytes:          16 << 10,
		MaxConnections:       10_000,
		MaxConcurrentStreams: 250,
	}
}

func (t *issuerTable) setDefaults() {
	*t = issuerTable{
		Source:      SourcePomerium,
		Header:      "X-Pomerium-Jwt-Assertion",
		Algorithms:  []string{verifier.ES256},
		Format:      FormatHost,
		Leeway:      time.Minute,
		MaxStale:    24 * time.Hour,
		MaxLifetime: verifier.DefaultMaxLifetime,
	}
}

func (t *appTable) setDefaults() {
	*t = appTable{PreserveHost: true, Timeout: time.Minute, Match: string(mapping.MatchFirst)}
	t.setUpstreamDefaults()
}
