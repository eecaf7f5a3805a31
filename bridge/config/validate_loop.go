package config

import (
	"net"
	"net/netip"
	"strings"
)

// checkLoop refuses an address of an app at which the bridge itself listens: each request
// would come back until there is no connection left.
func (l *loader) checkLoop(at place, a UpstreamAddress) {
	for _, own := range []struct{ key, address string }{{"listen", l.server.Listen}, {"admin_listen", l.server.AdminListen}} {
		if ownAddress(own.address, a) {
			l.report.add(at, "this is server.%s, the bridge itself: write the address at which the app listens", own.key)
			return
		}
	}
}

// ownAddress reports whether an upstream is certainly an address that the bridge listens
// at. Names other than localhost are not looked up.
func ownAddress(listen string, a UpstreamAddress) bool {
	network, address := SplitListen(listen)
	if network == "unix" || a.Socket != "" {
		return network == "unix" && address == a.Socket
	}
	host, port, err := net.SplitHostPort(address)
	theirs := a.URL.Port()
	if theirs == "" {
		theirs = map[string]string{"http": "80", "https": "443"}[a.URL.Scheme]
	}
	if err != nil || port == "0" || port != theirs {
		return false
	}
	name := strings.ToLower(strings.TrimSuffix(a.URL.Hostname(), "."))
	mine, err := netip.ParseAddr(host)
	if host == "" || err == nil && mine.IsUnspecified() { // every address of this machine
		other, err := netip.ParseAddr(name)
		return isLoopback(name) && (err != nil || other.Unmap() == netip.MustParseAddr("127.0.0.1") || other.IsLoopback() && other.Is6()) ||
			err == nil && other.IsUnspecified()
	}
	return name == strings.ToLower(host) || isLoopback(host) && name == "localhost" && (err != nil || mine.Is4())
}
