package request

import (
	"strconv"
	"strings"
)

// NormalizeHost returns a Host header's host name in the form that apps are found by:
// lower case, without port and trailing dot. It returns "" for what is not a DNS name,
// and for a name that is followed by something other than a port. Names are compared
// whole: no suffix or prefix of a name is ever enough.
func NormalizeHost(host string) string {
	name, _ := SplitHost(host)
	return name
}

// SplitHost returns the normalised name of a Host header, and the port if it has one.
// An empty port counts as none (RFC 9110 §4.2.3). IPv6 addresses are not the host of
// any app.
func SplitHost(host string) (name, port string) {
	name, port, _ = strings.Cut(host, ":")
	if strings.ContainsFunc(name, notInName) || port != "" && !isPort(port) {
		return "", ""
	}
	// The name is ASCII by now. ToLower would make "k" of U+212A.
	return strings.ToLower(strings.TrimSuffix(name, ".")), port
}

func notInName(c rune) bool { return c != '.' && IsAlias(c) }

// isPort accepts a port as net/http and browsers write it, without leading zeros.
func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}
