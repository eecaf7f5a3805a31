package bridge

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// NormalizeHost returns a Host header's host name in the form that apps are found by:
// lower case, without port and trailing dot; "" if it is no DNS name, or followed by what
// is no port. Names are compared whole; no suffix or prefix of a name is ever enough.
func NormalizeHost(host string) string {
	name, _ := splitHost(host)
	return name
}

// splitHost returns the name, and the port if there is one. An empty one is none (RFC
// 9110 §4.2.3). IPv6 addresses are no app's host.
func splitHost(host string) (name, port string) {
	name, port, _ = strings.Cut(host, ":")
	if strings.ContainsFunc(name, notInName) || port != "" && !isPort(port) {
		return "", ""
	}
	// All of it is ASCII: U+212A would be lower-cased to "k".
	return strings.ToLower(strings.TrimSuffix(name, ".")), port
}

// unknownHost is for the log, which is not to hold whatever somebody sends as a Host.
func unknownHost(host string) error {
	const longest = 253 + len(":65535") // RFC 1035 §2.3.4
	if len(host) > longest {
		return errors.New("no app has this host, which is longer than a name can be")
	}
	return fmt.Errorf("no app has the host %q", host)
}

func notInName(c rune) bool { return c != '.' && isAliased(c) }

// isPort: digits as net/http and browsers write them.
func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}

// app returns the app for a request's Host, or nil; and the Host that the app is told
// of, which is its own with the port that the client asked for. What the client sent goes
// no further: it was decided about by its name alone.
func (s *Snapshot) app(host string) (app *App, asked string) {
	if a, ok := s.apps[host]; ok {
		return a, host
	}
	name, port := splitHost(host)
	switch a := s.apps[name]; {
	case a == nil:
		return nil, host
	case port != "":
		return a, a.host + ":" + port
	default:
		return a, a.host
	}
}
