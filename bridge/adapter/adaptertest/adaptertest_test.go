package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// sound is a correct adapter, and the start of all faulty ones below.
type sound struct{}

func (sound) Owns() adapter.Owned {
	return adapter.Owned{Headers: []string{"X-User", "X-Groups"}, Cookies: []string{"session"}}
}

func (sound) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	user := in.Principal.Email
	role, _ := in.Decision.Role()
	if user == "" || !plain(user) || role == "" || !plain(role) {
		return adapter.Output{}, fmt.Errorf("user: %w", adapter.ErrUnsendable)
	}
	out := adapter.Output{
		Header:  http.Header{"X-User": {user}},
		Cookies: []*http.Cookie{{Name: "session", Value: "signed"}},
	}
	var groups []string
	for _, g := range in.Principal.Groups {
		if g != "" && plain(g) && !strings.Contains(g, ",") {
			groups = append(groups, g)
		}
	}
	if groups != nil {
		out.Header["X-Groups"] = []string{strings.Join(groups, ",")}
	}
	return out, nil
}

func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func splitGroups(name, value string) ([]string, bool) {
	if name != "X-Groups" {
		return nil, false
	}
	return strings.Split(value, ","), true
}

func TestSoundAdapterPasses(t *testing.T) {
	Run(t, func(testing.TB) adapter.Adapter { return sound{} }, Options{Split: splitGroups})
}

// repeating is a correct adapter that sends roles and groups in a header each.
type repeating struct{}

func (repeating) Owns() adapter.Owned {
	return adapter.Owned{Headers: []string{"X-Role", "X-Group"}, Lists: []string{"X-Role", "X-Group"}, Secrets: []string{"X-Group"}}
}

func (repeating) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	out := adapter.Output{Header: http.Header{}}
	for name, list := range map[string][]string{"X-Role": in.Decision.Roles, "X-Group": in.Principal.Groups} {
		for _, item := range list {
			if item == "" || !plain(item) || strings.Contains(item, ",") {
				return adapter.Output{}, adapter.ErrUnsendable
			}
			out.Header.Add(name, item)
		}
	}
	return out, nil
}

func TestRepeatingAdapterPasses(t *testing.T) {
	Run(t, func(testing.TB) adapter.Adapter { return repeating{} }, Options{KnownBy: []string{}})
}

// careless forgets the comma.
type careless struct{ repeating }

func (careless) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	for _, g := range in.Principal.Groups {
		if !plain(g) {
			return adapter.Output{}, adapter.ErrUnsendable
		}
	}
	return adapter.Output{Header: http.Header{"X-Role": in.Decision.Roles, "X-Group": in.Principal.Groups}}, nil
}

// owning owns other names than sound.
type owning struct {
	sound
	owned adapter.Owned
}

func (o owning) Owns() adapter.Owned { return o.owned }

// withRoles answers as sound would for other roles.
func withRoles(roles func([]string) []string) func() adapter.Adapter {
	return func() adapter.Adapter {
		return faulty{adapt: func(in adapter.Input, _ adapter.Output, _ error) (adapter.Output, error) {
			in.Decision.Roles = roles(in.Decision.Roles)
			out, err := sound{}.Adapt(context.Background(), in)
			if role, _ := in.Decision.Role(); err == nil {
				out.Header.Set("X-User", out.Header.Get("X-User")+"/"+role)
			}
			return out, err
		}}
	}
}

// faulty changes what sound answers.
type faulty struct {
	sound
	adapt func(in adapter.Input, out adapter.Output, err error) (adapter.Output, error)
}

func (f faulty) Adapt(ctx context.Context, in adapter.Input) (adapter.Output, error) {
	out, err := f.sound.Adapt(ctx, in)
	return f.adapt(in, out, err)
}

// changing is a fault that shows in what is sent.
func changing(change func(in adapter.Input, h http.Header)) func() adapter.Adapter {
	return func() adapter.Adapter {
		return faulty{adapt: func(in adapter.Input, out adapter.Output, err error) (adapter.Output, error) {
			if err == nil {
				change(in, out.Header)
			}
			return out, err
		}}
	}
}

// TestFaultyAdaptersFail shows that each check finds the fault that it is for.
func TestFaultyAdaptersFail(t *testing.T) {
	var instances, requests atomic.Int64
	tests := []struct {
		name  string
		open  func() adapter.Adapter
		check string // the check that must fail
	}{
		{"refuses everybody", func() adapter.Adapter {
			return faulty{adapt: func(adapter.Input, adapter.Output, error) (adapter.Output, error) {
				return adapter.Output{}, adapter.ErrUnsendable
			}}
		}, "SendsPerson"},
		{"sends nothing", func() adapter.Adapter {
			return faulty{adapt: func(adapter.Input, adapter.Output, error) (adapter.Output, error) {
				return adapter.Output{}, nil
			}}
		}, "SendsPerson"},
		{"sets what it does not own", changing(func(_ adapter.Input, h http.Header) { h.Set("X-Role", "Admin") }), "WithinOwns"},
		{"sets a cookie that it does not own", func() adapter.Adapter {
			return faulty{adapt: func(_ adapter.Input, out adapter.Output, err error) (adapter.Output, error) {
				out.Cookies = append(out.Cookies, &http.Cookie{Name: "sid", Value: "x"})
				return out, err
			}}
		}, "WithinOwns"},
		{"an alias is not owned", changing(func(_ adapter.Input, h http.Header) { h.Set("X-User-Id", "x") }), "AliasesAreOwned"},
		{"a list that is not owned", func() adapter.Adapter {
			return owning{owned: adapter.Owned{Headers: []string{"X-User", "X-Groups"}, Lists: []string{"X-Role"}}}
		}, "OwnedNamesAgree"},
		{"a secret that is not owned", func() adapter.Adapter {
			return owning{owned: adapter.Owned{Headers: []string{"X-User", "X-Groups"}, Secrets: []string{"X-Proxy-Secret"}}}
		}, "OwnedNamesAgree"},
		{"every header is owned", func() adapter.Adapter {
			return owning{owned: adapter.Owned{Headers: []string{"X-User", "X-Groups"}, Prefixes: []string{""}}}
		}, "OwnedNamesAgree"},
		{"every cookie is owned", func() adapter.Adapter {
			return owning{owned: adapter.Owned{Headers: []string{"X-User", "X-Groups"}, CookiePrefixes: []string{""}}}
		}, "OwnedNamesAgree"},
		{"a parameter without a name", func() adapter.Adapter {
			return owning{owned: adapter.Owned{Headers: []string{"X-User", "X-Groups"}, Query: []string{"_"}}}
		}, "OwnedNamesAgree"},
		{"the first of two roles", withRoles(func(r []string) []string { return r[:1] }), "NoRoleIsDropped"},
		{"the last of two roles", withRoles(func(r []string) []string { return r[len(r)-1:] }), "NoRoleIsDropped"},
		{"a list whose items are split on the way", func() adapter.Adapter { return careless{} }, "ListItems"},
		{"two values", changing(func(_ adapter.Input, h http.Header) { h.Add("X-User", "x") }), "OneValuePerHeader"},
		{"two spellings", changing(func(_ adapter.Input, h http.Header) { h["X_user"] = []string{"x"} }), "OneValuePerHeader"},
		{"name not canonical", changing(func(_ adapter.Input, h http.Header) {
			h["x-user"] = h["X-User"]
			delete(h, "X-User")
		}), "OneValuePerHeader"},
		{"carries control characters", changing(func(in adapter.Input, h http.Header) {
			h["X-Groups"] = []string{strings.Join(in.Principal.Groups, ",")}
		}), "HostileText"},
		{"takes control characters away", changing(func(in adapter.Input, h http.Header) {
			keep := func(r rune) rune {
				if r < ' ' || r > '~' {
					return -1
				}
				return r
			}
			h["X-Groups"] = []string{strings.Map(keep, strings.Join(in.Principal.Groups, ","))}
		}), "HostileText"},
		{"carries a claim's control characters", changing(func(in adapter.Input, h http.Header) {
			h.Set("X-User", fmt.Sprint(in.Principal.Claims["department"]))
		}), "HostileText"},
		{"refuses without saying so", func() adapter.Adapter {
			return faulty{adapt: func(_ adapter.Input, out adapter.Output, err error) (adapter.Output, error) {
				if err != nil {
					return adapter.Output{}, errors.New("no")
				}
				return out, nil
			}}
		}, "HostileText"},
		{"splits groups", changing(func(in adapter.Input, h http.Header) {
			h["X-Groups"] = []string{strings.Join(in.Principal.Groups, ",")}
		}), "ListItems"},
		{"replaces separators", changing(func(in adapter.Input, h http.Header) {
			joined := strings.Join(in.Principal.Groups, ";")
			h["X-Groups"] = []string{strings.ReplaceAll(strings.ReplaceAll(joined, ",", "_"), ";", ",")}
		}), "ListItems"},
		{"sends empty headers", changing(func(in adapter.Input, h http.Header) { h.Set("X-Groups", strings.Join(in.Principal.Groups, "")) }), "EmptyFields"},
		{"knows people by what they are called", func() adapter.Adapter {
			return faulty{adapt: func(in adapter.Input, _ adapter.Output, _ error) (adapter.Output, error) {
				return adapter.Output{Header: http.Header{"X-User": {in.Principal.Name}}}, nil
			}}
		}, "TwoPeopleNeverBecomeOne"},
		{"knows people by half of their address", changing(func(in adapter.Input, h http.Header) {
			local, _, _ := strings.Cut(in.Principal.Email, "@")
			h.Set("X-User", local)
		}), "TwoPeopleNeverBecomeOne"},
		{"drops what tells people apart", changing(func(in adapter.Input, h http.Header) {
			h.Set("X-User", strings.ReplaceAll(in.Principal.Email, "+", ""))
		}), "TwoPeopleNeverBecomeOne"},
		{"sends people without a name", func() adapter.Adapter {
			return faulty{adapt: func(in adapter.Input, _ adapter.Output, err error) (adapter.Output, error) {
				if in.Principal.Email == "" {
					return adapter.Output{}, nil
				}
				return adapter.Output{Header: http.Header{"X-User": {in.Principal.Email}}}, err
			}}
		}, "NobodyArrivesNameless"},
		{"sorts the groups in place", changing(func(in adapter.Input, _ http.Header) { slices.Sort(in.Principal.Groups) }), "InputUnchanged"},
		{"changes the claims", changing(func(in adapter.Input, _ http.Header) { delete(in.Principal.Claims, "department") }), "InputUnchanged"},
		{"changes the request", changing(func(in adapter.Input, _ http.Header) { in.Request.Header.Del("Remote-User") }), "InputUnchanged"},
		{"changes the URL", changing(func(in adapter.Input, _ http.Header) { in.Request.URL.RawQuery = "auth_token=x" }), "InputUnchanged"},
		{"counts instances", func() adapter.Adapter {
			n := fmt.Sprint(instances.Add(1))
			return changing(func(_ adapter.Input, h http.Header) { h.Set("X-User", n) })()
		}, "Deterministic"},
		{"counts requests", changing(func(_ adapter.Input, h http.Header) { h.Set("X-User", fmt.Sprint(requests.Add(1))) }), "Deterministic"},
		{"mixes people up", func() adapter.Adapter {
			var last atomic.Pointer[string]
			return changing(func(in adapter.Input, h http.Header) {
				if before := last.Swap(&in.Principal.Email); before != nil {
					h.Set("X-User", *before)
				}
			})()
		}, "Parallel"},
		{"errors quote the person", func() adapter.Adapter {
			return faulty{adapt: func(in adapter.Input, out adapter.Output, err error) (adapter.Output, error) {
				if err != nil {
					err = fmt.Errorf("%w: %q", err, in.Principal.Email)
				}
				return out, err
			}}
		}, "ErrorsSayNoValues"},
	}
	covered := make(map[string]bool)
	for _, tt := range tests {
		covered[tt.check] = true
		t.Run(tt.name, func(t *testing.T) {
			// Only this check: a faulty adapter may race in the others.
			i := slices.IndexFunc(checks, func(c check) bool { return c.name == tt.check })
			failed := ""
			checks[i].run(newSuite(t.Context(), tt.open, Options{Split: splitGroups}), func(format string, args ...any) {
				failed = fmt.Sprintf(format, args...)
			})
			if failed == "" {
				t.Errorf("%s finds no fault", tt.check)
			}
			t.Logf("%s: %.200s", tt.check, failed)
		})
	}
	for _, c := range checks {
		if !covered[c.name] {
			t.Errorf("no faulty adapter shows what %s finds", c.name)
		}
	}
}
