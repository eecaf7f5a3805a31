package headers

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// withRoles is ann with these roles.
func withRoles(roles ...string) adapter.Input {
	in := inputOf(ann())
	in.Decision.Roles = roles
	return in
}

// TestSecondRoleIsNeverDropped: an app that takes one role would be told a part,
// which may be less than the person has or, of "auditor" and "suspended", more.
func TestSecondRoleIsNeverDropped(t *testing.T) {
	o := one(Header{From: "role"})
	a := mustOpen(t, o)
	for _, roles := range [][]string{{"Viewer", "Admin"}, {"Admin", "Viewer"}, {}, nil} {
		_, err := a.Adapt(t.Context(), withRoles(roles...))
		if !errors.Is(err, adapter.ErrUnsendable) {
			t.Errorf("roles %q: %v, want a refusal", roles, err)
		}
	}
	testOptions(t, adapter.Env{Grants: &adapter.Grants{SeveralRoles: true}}, []optionTest{
		{"one role of several", o, []string{
			`header.X-User.from: sends one role, and the app's rules may grant several: write from = "roles", or let each rule grant one role and match = "first"`,
		}},
		{"all of several", one(Header{From: "roles", Join: ","}), nil},
		{"no role at all", one(Header{From: "email"}), nil},
	})
	testOptions(t, adapter.Env{Grants: &adapter.Grants{}}, []optionTest{{"one role of one", o, nil}})
}

func TestRoles(t *testing.T) {
	words := map[string]string{"Admin": "administrator", "Owner": "administrator", "Viewer": "viewer"}
	const refused = "header X-User: identity cannot be sent to this app: "
	tests := []struct {
		name   string
		header Header
		roles  []string
		want   string
		err    string
	}{
		{"one", Header{From: "roles", Join: ","}, []string{"Admin"}, "Admin", ""},
		{"joined in their order", Header{From: "roles", Join: ","}, []string{"Viewer", "Admin"}, "Viewer,Admin", ""},
		{"joined otherwise", Header{From: "roles", Join: "|"}, []string{"Viewer", "Admin"}, "Viewer|Admin", ""},
		{"with the separator", Header{From: "roles", Join: ","}, []string{"Viewer,Admin"}, "", refused + `an item of the list has the separator ","`},
		{"one of them unsendable", Header{From: "roles", Join: ","}, []string{"Admin", "Zoë"}, "", refused + errASCII.Error()},
		{"none", Header{From: "roles", Join: ","}, nil, "", refused + "required, and empty for this person"},
		{"the app's word", Header{From: "role", Words: value.Words{Map: words}}, []string{"Owner"}, "administrator", ""},
		{"no word", Header{From: "role", Words: value.Words{Map: words}}, []string{"Editor"}, "", refused + "map has no word for what the person has"},
		{"a word is no role", Header{From: "role", Words: value.Words{Map: words}}, []string{"viewer"}, "", refused + "map has no word for what the person has"},
		{"the app's words", Header{From: "roles", Join: ",", Words: value.Words{Map: words}}, []string{"Viewer", "Admin"}, "viewer,administrator", ""},
		{"one word for two", Header{From: "roles", Join: ",", Words: value.Words{Map: words}}, []string{"Owner", "Viewer", "Admin"}, "administrator,viewer", ""},
		{"no word for one of them", Header{From: "roles", Join: ",", Words: value.Words{Map: words}}, []string{"Viewer", "Editor"}, "", refused + "map has no word for what the person has"},
		{"behind a prefix", Header{From: "roles", Join: ",", Words: value.Words{Prefix: "app-"}}, []string{"Viewer", "Admin"}, "app-Viewer,app-Admin", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := mustOpen(t, one(tt.header))
			if tt.err != "" {
				if out, err := a.Adapt(t.Context(), withRoles(tt.roles...)); err == nil || err.Error() != tt.err {
					t.Errorf("%v, %v, want %s", out.Header, err, tt.err)
				}
				return
			}
			if got := sent(t, a, withRoles(tt.roles...))["X-User"]; got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestRoleOptionErrors(t *testing.T) {
	words := map[string]string{"Admin": "administrator", "Viewer": "viewer"}
	testOptions(t, adapter.Env{}, []optionTest{
		{"left out", one(Header{From: "role", Unsendable: "omit"}), []string{
			`header.X-User.unsendable: a role cannot be left out: somebody without it may be allowed more`,
		}},
		{"several left out", one(Header{From: "roles", Join: ",", Unsendable: "omit"}), []string{
			`header.X-User.unsendable: a role cannot be left out: somebody without it may be allowed more`,
		}},
		{"roles without join", one(Header{From: "roles"}), []string{
			`header.X-User.join: missing: roles is a list; say what separates its items, such as join = ",", or repeat = true for a header each`,
		}},
		{"unmapped", one(Header{From: "role", Words: value.Words{Map: words, Unmapped: "omit"}}), []string{
			`header.X-User.unmapped: is not for roles: each that the app may be sent needs its word in map`,
		}},
		{"default", one(Header{From: "role", Default: "Viewer"}), []string{
			`header.X-User.default: is not for roles, which nobody enters without; the app's default_role is one for whoever no rule names`,
		}},
		{"shaped", one(Header{From: "role", Words: value.Words{Lower: true, Allow: "a-z", MaxLength: 4, Forbid: []string{"root"}, Replace: map[string]string{"A": "a"}}}), []string{
			`header.X-User.replace: is not for role, whose words somebody here chose: write the right ones there`,
			`header.X-User.allow: is not for role, whose words somebody here chose: write the right ones there`,
			`header.X-User.max_length: is not for role, whose words somebody here chose: write the right ones there`,
			`header.X-User.forbid: is not for role, whose words somebody here chose: write the right ones there`,
			`header.X-User.lower: is for email, email_local and a claim that is one text`,
		}},
		{"words that cannot be sent", one(Header{From: "roles", Join: ",", Words: value.Words{Map: map[string]string{"a": "", "b": "x,y", "c": "zoë"}}}), []string{
			`header.X-User.map.a: empty; remove it, and unmapped = "omit" leaves out what the map lacks`,
			`header.X-User.map.b: an item of the list has the separator ","`,
			`header.X-User.map.c: ` + errASCII.Error(),
		}},
	})
	testOptions(t, adapter.Env{Roles: []string{"Admin", "Editor", "Viewer"}, Grants: &adapter.Grants{Roles: []string{"Owner"}}}, []optionTest{
		{"a role of the vocabulary without a word", one(Header{From: "role", Words: value.Words{Map: words}}), []string{
			`header.X-User.map: has no word for "Editor", which the adapter's roles have; add "Editor" = "..."`,
		}},
		{"a word for no role", one(Header{From: "role", Words: value.Words{Map: map[string]string{"Admin": "a", "Editor": "e", "Viewr": "v"}}}), []string{
			`header.X-User.map: has no word for "Viewer", which the adapter's roles have; add "Viewer" = "..."`,
			`header.X-User.map.Viewr: is none of the adapter's roles, which are Admin, Editor, Viewer`,
		}},
		{"words for all", one(Header{From: "role", Words: value.Words{Map: map[string]string{"Admin": "a", "Editor": "e", "Viewer": "v"}}}), nil},
	})
	testOptions(t, adapter.Env{Grants: &adapter.Grants{Roles: []string{"Admin", "Owner"}}}, []optionTest{
		{"a role of a rule without a word", one(Header{From: "role", Words: value.Words{Map: words}}), []string{
			`header.X-User.map: has no word for "Owner", which the app's rules grant; add "Owner" = "..."`,
		}},
	})
}

func TestAttributes(t *testing.T) {
	a := mustOpen(t, Options{Header: map[string]Header{
		"X-Org":    {Attribute: "org_id", Default: "1"},
		"X-Tenant": {Attribute: "tenant", Words: value.Words{Map: map[string]string{"ops": "Operations"}, Unmapped: "refuse"}},
		"X-Team":   {Attribute: "team"},
		"X-Old":    {Attribute: "old"},
	}, Omit: []string{"X-Old"}})
	user, ok := a.(adapter.AttributeUser)
	if !ok {
		t.Fatal("the adapter does not say which attributes it sends")
	}
	if diff := cmp.Diff([]string{"org_id", "team", "tenant"}, user.Attributes()); diff != "" {
		t.Errorf("attributes that are sent (-want +got):\n%s", diff)
	}
	in := inputOf(ann())
	if diff := cmp.Diff(map[string]string{"X-Org": "1"}, sent(t, a, in)); diff != "" {
		t.Errorf("without attributes (-want +got):\n%s", diff)
	}
	in.Decision.Attributes = map[string]string{"org_id": "7", "tenant": "ops", "team": "sre", "old": "x", "other": "y"}
	if diff := cmp.Diff(map[string]string{"X-Org": "7", "X-Tenant": "Operations", "X-Team": "sre"}, sent(t, a, in)); diff != "" {
		t.Errorf("with attributes (-want +got):\n%s", diff)
	}
	for _, hostile := range []string{"a\r\nX-Role: Admin", " 7", "zoë"} {
		in.Decision.Attributes = map[string]string{"org_id": hostile}
		if out, err := a.Adapt(t.Context(), in); !errors.Is(err, adapter.ErrUnsendable) {
			t.Errorf("attribute %q: %v, %v", hostile, out.Header, err)
		}
	}
	testOptions(t, adapter.Env{Grants: &adapter.Grants{Attributes: []string{"org"}}}, []optionTest{
		{"that no rule adds", one(Header{Attribute: "org_id"}), []string{
			`header.X-User.attribute: no rule of the app adds "org_id"; write attributes = { org_id = "..." } in the rules that shall`,
		}},
		{"that a rule adds", one(Header{Attribute: "org"}), nil},
		{"joined", one(Header{Attribute: "org", Join: ","}), []string{
			`header.X-User: join, repeat, quote and append are for lists; an attribute is one value`,
		}},
	})
}

// TestNestedClaims: Pomerium flattens nested claims to dotted names, OpenID
// providers nest them; both are the same claim.
func TestNestedClaims(t *testing.T) {
	flat := map[string]any{"resource_access.app.roles": []any{"reader", "writer"}, "org.name": "Ops"}
	nested := map[string]any{
		"resource_access": map[string]any{"app": map[string]any{"roles": []any{"reader", "writer"}}},
		"org":             map[string]any{"name": "Ops"},
	}
	a := mustOpen(t, Options{Header: map[string]Header{
		"X-Roles": {Claim: "resource_access.app.roles", Join: ","},
		"X-Org":   {Claim: "org.name"},
		"X-Other": {Claim: "org.other"},
	}})
	for _, claims := range []map[string]any{flat, nested} {
		p := ann()
		p.Claims = claims
		if diff := cmp.Diff(map[string]string{"X-Roles": "reader,writer", "X-Org": "Ops"}, sent(t, a, inputOf(p))); diff != "" {
			t.Errorf("claims %v (-want +got):\n%s", claims, diff)
		}
	}
	// An object is no text.
	object := mustOpen(t, one(Header{Claim: "org"}))
	p := ann()
	p.Claims = nested
	if out, err := object.Adapt(t.Context(), inputOf(p)); !errors.Is(err, adapter.ErrUnsendable) {
		t.Errorf("a claim that is an object: %v, %v", out.Header, err)
	}
}
