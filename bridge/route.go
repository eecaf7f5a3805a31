package bridge

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/request"
)

// door is what answers a request.
type door int

const (
	proxied door = iota // the app, if the decision says so; or the app's sign-in
	own                 // a page that needs no identity
	signOut             // the sign-out page
	refused             // nothing: the request is refused before anybody decides
)

// route says once what a request is: for which app, by which door, and with which path.
func (b *Bridge) route(r *http.Request) *exchange {
	x := &exchange{snapshot: b.snapshot.Load()}
	x.In, x.At = r, b.now()
	x.app, x.Host = x.snapshot.App(r.Host)
	if x.app != nil {
		if x.refusal = decision.CheckWire(&x.Request); x.refusal != nil {
			x.door = refused
			return x
		}
	}
	below, isOwn := request.CutOwn(r.URL)
	switch {
	case isOwn && x.app != nil && below == signOutAt:
		x.door = signOut
	case isOwn && x.app != nil && x.app.SignsInAt(below):
		x.SignIn = true
	case isOwn && (x.app != nil || strings.HasPrefix(below, ownAppPath)):
		x.door, x.ownPath = own, below
	case x.app == nil:
		x.door, x.refusal = refused, &decision.Refusal{Reason: decision.ReasonUnknownHost, Err: unknownHost(r.Host)}
	default:
		x.Path = request.ReadPath(r.URL)
	}
	return x
}

// unknownHost is for the log, which does not take a Host of any length.
func unknownHost(host string) error {
	const longest = 253 + len(":65535") // RFC 1035 §2.3.4
	if len(host) > longest {
		return errors.New("no app has this host, which is longer than a name can be")
	}
	return fmt.Errorf("no app has the host %q", host)
}
