package headers

import (
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/carry"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// uses reports whether a header has this source.
func (o *Options) uses(from string) bool {
	for _, h := range o.Header {
		if h.From == from {
			return true
		}
	}
	return false
}

// checkGroups checks the table of group names as a whole; its entries are
// checked with the headers that use them.
func (o *Options) checkGroups(fail value.Fail) {
	switch {
	case o.Groups == nil && o.Unmapped != "":
		fail("unmapped", "has no effect without groups; remove it")
	case o.Groups == nil:
	case !o.uses("groups"):
		fail("groups", `are for headers with from = "groups", and there is none; who gets which role is for rules to say`)
	default:
		value.CheckUnmapped("unmapped", "groups", o.Unmapped, fail)
	}
}

func (o *Options) checkLogout(fail value.Fail) {
	if o.Logout.Path == "" && len(o.Logout.Omit) > 0 {
		fail("logout.path", carry.NoLogoutPath)
		return
	}
	o.Logout.Check(fail)
}

// told lists the headers, for [adapter.Identifier].
func (o *Options) told() []adapter.Told {
	omitted := make(map[string]bool, len(o.Omit))
	for _, name := range o.Omit {
		omitted[adapter.FoldName(name)] = true
	}
	var all []adapter.Told
	for _, name := range slices.Sorted(maps.Keys(o.Header)) {
		h := o.Header[name]
		told := h.from(o).Told(name, "header."+name)
		told.Unique, told.Required, told.Omitted = h.Unique, h.Required, omitted[adapter.FoldName(name)]
		told.MayLack = h.Unsendable == "omit" || h.Unmapped == "omit"
		all = append(all, told)
	}
	return all
}
