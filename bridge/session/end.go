package session

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// Look returns the session that a person has, without beginning one, for whoever is
// about to end it. With an error, which may say that nobody without a role has one, the
// Visit is of all that came: [Visit.End] rids the browser and the store of it.
func (a *App) Look(ctx context.Context, in adapter.Input, cookies []string) (*Visit, error) {
	v, err := a.look(ctx, in, cookies)
	if err == nil {
		return v, nil
	}
	found := a.find(cookies)
	return &Visit{app: a, in: in, at: personKey(a.name, &in), stale: sortedKeys(found.values)}, err
}

// End ends the session here, and in the app if that takes no request. It returns the
// Set-Cookies that leave the browser nothing of it. If its error is not nil, the
// browser is rid of its cookies all the same, and the session is there until it
// expires.
func (v *Visit) End(ctx context.Context) (lines []string, err error) {
	a := v.app
	v.forget()
	a.keeper.o.Observe(a.name, SignedOut)
	if ender, ok := a.starter.(adapter.SessionEnder); ok && len(v.cookies) > 0 {
		if err = ender.EndSession(ctx, v.cookies); err != nil {
			err = fmt.Errorf("ending the session in the app: %w", err)
		}
	}
	if a.plan.Deliver == adapter.DeliverUpstream {
		if dropErr := a.keeper.o.Store.Delete(ctx, v.at); dropErr != nil {
			err = v.storeFailed(dropErr)
		}
		return nil, err
	}
	names := slices.Concat(v.stale, a.plan.Cookies, slices.Collect(maps.Keys(v.cookies)))
	slices.Sort(names)
	return a.removeAll(slices.Compact(names)), err
}
