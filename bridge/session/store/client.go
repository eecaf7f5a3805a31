package store

import (
	"crypto/tls"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// resends is how often a Load or a Delete is sent again whose connection broke: an
	// idle one of TLS is found to be dead only by using it.
	resends = 2
	// idleFor is below the time after which servers and what is on the way to them
	// commonly drop a connection.
	idleFor = time.Minute
)

// newClient returns a client of the servers at a. It opens no connection yet.
//
// Of what the library can do, what is not needed is off: no second protocol, nothing
// the server could push, no words of its own on standard error, in which a server's
// answers would stand.
func newClient(a Address, o *Options, secure *tls.Config) redis.UniversalClient {
	logging.Disable()
	dial := 2 * o.Timeout // goes on in the background for whoever comes next
	switch {
	case a.Master != "":
		return redis.NewFailoverClient(&redis.FailoverOptions{
			SentinelAddrs: a.Hosts, MasterName: a.Master, DB: a.DB, Protocol: 2,
			Username: o.Username, Password: o.Password,
			SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword,
			TLSConfig: secure, DialTimeout: dial, DialerRetries: 1,
			ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout, ContextTimeoutEnabled: true,
			MaxRetries: resends, ConnMaxIdleTime: idleFor, PipelinePoolSize: -1, DisableIdentity: true,
		})
	case a.Cluster:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: a.Hosts, Protocol: 2, Username: o.Username, Password: o.Password,
			TLSConfig: secure, DialTimeout: dial, DialerRetries: 1,
			ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout, ContextTimeoutEnabled: true,
			MaxRedirects: resends, ConnMaxIdleTime: idleFor, PipelinePoolSize: -1, DisableIdentity: true,
			DisableRoutingPolicies:   true, // which would ask the servers what commands they have
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		})
	}
	return redis.NewClient(&redis.Options{
		Addr: a.Hosts[0], DB: a.DB, Protocol: 2, Username: o.Username, Password: o.Password,
		TLSConfig: secure, DialTimeout: dial, DialerRetries: 1,
		ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout, ContextTimeoutEnabled: true,
		MaxRetries: resends, ConnMaxIdleTime: idleFor, PipelinePoolSize: -1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}
