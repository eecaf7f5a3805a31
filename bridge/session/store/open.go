package store

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// DefaultTimeout is that of operations on a Redis, and DefaultKeyPrefix what its keys
// begin with.
const (
	DefaultTimeout   = 500 * time.Millisecond
	DefaultKeyPrefix = "ssobridge:"
)

// Options say where sessions are kept.
type Options struct {
	// Address is InMemory, as is an empty one, or see ParseAddress.
	Address string
	// Username and Password are those of the servers, the others those of Sentinels.
	Username, Password                 string
	SentinelUsername, SentinelPassword string
	// TLS is how servers are verified, and what they are shown; nil: by the system's
	// CAs, and nothing. An Address of another scheme does not use it.
	TLS *tls.Config
	// KeyPrefix begins the keys in a Redis; empty: DefaultKeyPrefix.
	KeyPrefix string
	// Timeout is how long an operation on a Redis may take, with all that it needs: a
	// connection, TLS, a second try; 0: DefaultTimeout.
	Timeout time.Duration
	// Relogin lets a Memory stand in for a Redis that fails; otherwise the error is
	// that of the operation.
	Relogin bool
	// Keys encrypt what goes to a Redis, which does not open without; see NewEncrypted.
	Keys [][]byte
	// MaxEntries and MaxBytes bound what is in memory; see MemoryOptions.
	MaxEntries, MaxBytes int

	// Metrics count; nil: nothing.
	Metrics *Metrics
	// Log is told when a Redis fails, and when it answers again; nil: nobody.
	Log *slog.Logger
	// Now is the clock; nil: time.Now. A Redis has its own.
	Now func() time.Time
}

// Open returns the store that o describes, and what to close once nobody uses it. It
// connects to nothing: a Redis that is not there yet fails as one that has gone.
func Open(o Options) (Store, io.Closer, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	memory := func() *Memory {
		return NewMemory(MemoryOptions{MaxEntries: o.MaxEntries, MaxBytes: o.MaxBytes, Now: o.Now, Metrics: o.Metrics})
	}
	if o.Address == InMemory || o.Address == "" {
		m := memory()
		return m, m, nil
	}
	server, err := NewRedis(o)
	if err != nil {
		return nil, nil, err
	}
	sealed, err := NewEncrypted(server, o.Keys, o.Metrics.notReadable)
	if err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	if !o.Relogin {
		return sealed, server, nil
	}
	standIn := memory()
	return NewFailover(sealed, standIn), closers{server, standIn}, nil
}

// NewRedis returns a store at o.Address, without encryption and stand-in.
func NewRedis(o Options) (*Redis, error) {
	a, err := ParseAddress(o.Address)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.KeyPrefix == "" {
		o.KeyPrefix = DefaultKeyPrefix
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var secure *tls.Config
	if a.TLS {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS != nil {
			secure = o.TLS.Clone()
			secure.MinVersion = max(secure.MinVersion, tls.VersionTLS12)
		}
	}
	return &Redis{
		client:   newClient(a, &o, secure),
		prefix:   o.KeyPrefix,
		timeout:  o.Timeout,
		breaker:  &breaker{now: o.Now},
		swapHash: redis.NewScript(swapScript).Hash(),
		metrics:  o.Metrics,
		log:      o.Log,
	}, nil
}

type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, each := range c {
		errs = append(errs, each.Close())
	}
	return errors.Join(errs...)
}

// Format prints a word: options hold secrets.
func (Options) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(options of a session store)") }
