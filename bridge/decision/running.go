package decision

import (
	"maps"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// StillGrants reports whether a request that was granted earlier would be granted the
// same by s, as far as that can be said without its assertion.
func (s *Snapshot) StillGrants(was *App, r *Request, g *Grant, now time.Time) bool {
	app := s.apps[was.Host]
	if app == nil || app.Name != was.Name {
		return false
	}
	from := app.sourceOf(g.Issuer)
	if from == nil || from.trust != g.trust {
		return false
	}
	if verdict, _ := app.Paths.Verdict(r.In.Method, r.Path); verdict == PathDenied || verdict == PathRefused {
		return false
	}
	if slices.ContainsFunc(was.addresses, func(address string) bool { return !slices.Contains(app.addresses, address) }) {
		return false // the request may be at an address that is not the app's any more
	}
	if g.Own != nil && app.ownCredential(r) == nil {
		return false
	}
	if !proxy.SameSite(r.In, app.Host, r.Host, app.Streams.Origins) {
		return false
	}
	decision := from.mapper.Map(g.Principal, now)
	return decision.Allowed() && slices.Equal(decision.Roles, g.Decision.Roles) &&
		maps.Equal(decision.Attributes, g.Decision.Attributes)
}

// MayChange reports whether s may decide otherwise about a request than it did at from,
// because of the time.
func (s *Snapshot) MayChange(was *App, g *Grant, from, to time.Time) bool {
	app := s.apps[was.Host]
	if app == nil {
		return true
	}
	source := app.sourceOf(g.Issuer)
	return source == nil || source.mapper.MayChange(from, to)
}
