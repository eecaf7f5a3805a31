package demo

import (
	"errors"
	"net/url"
	"strconv"
)

// authHost is where one signs in: what Pomerium calls the authenticate service.
const authHost = "localhost"

// site is what the demo is called from outside. Every app has a host of its own
// below localhost, which browsers and curl take for this machine without asking
// anyone (RFC 6761 §6.3), and all are on the stand-in's port.
type site struct {
	port int
	apps []sampleApp
}

// authority is host with the port, as a URL and the Host header have it.
func (s site) authority(host string) string {
	if s.port == 80 {
		return host
	}
	return host + ":" + strconv.Itoa(s.port)
}

// url returns the address of a path, which may have a query, on a host.
func (s site) url(host, path string) string { return "http://" + s.authority(host) + path }

// app returns the app at a host.
func (s site) app(host string) (sampleApp, bool) {
	for _, a := range s.apps {
		if a.Host == host {
			return a, true
		}
	}
	return sampleApp{}, false
}

// target is a page of an app, where somebody goes on to after signing in.
type target struct {
	app  sampleApp
	path string // with the query
}

var errForeignTarget = errors.New("not an address of one of the apps")

// target reads an address that came with a request, and takes those of the
// apps only. A target keeps what is known and not what was written: its host is
// one of ours, and URLs made of it name that host, so that no address which
// browsers read differently than Go does can lead anywhere else.
func (s site) target(written string) (target, error) {
	u, err := url.Parse(written)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Opaque != "" {
		return target{}, errForeignTarget
	}
	for _, a := range s.apps {
		if u.Host == s.authority(a.Host) {
			return target{a, u.RequestURI()}, nil
		}
	}
	return target{}, errForeignTarget
}

// targetURL returns the address of t.
func (s site) targetURL(t target) string { return s.url(t.app.Host, t.path) }

// signInURL is where one picks who to be, and then goes on to t.
func (s site) signInURL(path string, t target) string {
	return s.url(authHost, path+"?"+url.Values{"redirect": {s.targetURL(t)}}.Encode())
}
