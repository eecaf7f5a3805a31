package mapping

import (
	"slices"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
)

func TestItems(t *testing.T) {
	pomerium := Reading{Joined: true, Lists: []string{"teams"}}
	tests := []struct {
		reading Reading
		claim   string
		value   any
		want    []string
		fails   bool
	}{
		{pomerium, "roles", "admin,dev", []string{"admin", "dev"}, false},
		{pomerium, "realm_access.roles", ",a,,b,", []string{"a", "b"}, false},
		{pomerium, "cognito:groups", "a,b", []string{"a", "b"}, false},
		{pomerium, "https://example.com/memberOf", "a,b", []string{"a", "b"}, false},
		{pomerium, "teams", "a,b", []string{"a", "b"}, false},
		{pomerium, "preferred_username", "eve,root-admin", []string{"eve,root-admin"}, false},
		{pomerium, "roles", []any{"a,b", "c"}, []string{"a,b", "c"}, false},
		{Reading{}, "roles", "admin,dev", []string{"admin,dev"}, false},
		{Reading{}, "roles", []any{"a", true, 3.0, nil, ""}, []string{"a", "true", "3"}, false},
		{Reading{}, "roles", []any{"a", []any{"b"}}, []string{"a"}, true},
		{pomerium, "roles", map[string]any{}, nil, true},
		{pomerium, "roles", 1e16, nil, true},
		{pomerium, "roles", nil, nil, false},
		{pomerium, "roles", "", nil, false},
	}
	for _, tt := range tests {
		got, err := tt.reading.Items(tt.claim, tt.value)
		if !slices.Equal(got, tt.want) || tt.fails != (err != nil) {
			t.Errorf("%s = %#v: %q, %v; want %q", tt.claim, tt.value, got, err, tt.want)
		}
	}
}

// TestCommaInAClaimThatPeopleWrite: an item of one's own making grants nothing. What
// denies may be hidden among others, and denies nevertheless.
func TestCommaInAClaimThatPeopleWrite(t *testing.T) {
	for _, claim := range []string{"preferred_username", "department", "nickname", "x.title"} {
		eve := &verifier.Principal{Subject: "1", Claims: map[string]any{claim: "eve,root-admin"}}
		for _, value := range []string{"root-admin", "root-*"} {
			rule := Rule{Role: "Admin", Claims: map[string][]string{claim: {value}}}
			if mustCompile(t, Policy{Rules: []Rule{rule}}).Map(eve, noon).Allowed() {
				t.Errorf("%s = %s grants", claim, value)
			}
			if !mustCompile(t, Policy{Rules: []Rule{rule}, ListClaims: []string{claim}}).Map(eve, noon).Allowed() {
				t.Errorf("%s = %s does not grant, though declared a list", claim, value)
			}
			rule.Role, rule.Deny = "", true
			if mustCompile(t, Policy{Rules: []Rule{rule}, DefaultRole: "x"}).Map(eve, noon).Allowed() {
				t.Errorf("%s = %s does not deny", claim, value)
			}
		}
	}
}

// TestListsInClaims: "@name" stands for what is in the list, patterns too, in claims as in
// groups; what is no list is refused, with what to write.
func TestListsInClaims(t *testing.T) {
	lists := map[string][]string{"admins": {"platform-admin", "@ops"}, "ops": {"ops-*"}}
	rule := Rule{Role: "Admin", Claims: map[string][]string{"cognito:groups": {"@admins"}}, Source: "x:1"}
	m := mustCompile(t, Policy{Rules: []Rule{rule, {Role: "Viewer", Groups: []string{"@ops"}}}, Lists: lists})
	for value, want := range map[string]bool{
		"platform-admin,x": true, "x,ops-1": true, "@admins": false, "Platform-Admin": false, "x": false,
	} {
		p := &verifier.Principal{Subject: "1", Claims: map[string]any{"cognito:groups": value}}
		if d, _ := m.Explain(p, noon); d.Allowed() != want || m.Map(p, noon).Allowed() != want {
			t.Errorf("%q: %v", value, d)
		}
	}
	p := &verifier.Principal{Subject: "1", Claims: map[string]any{"cognito:groups": "x,ops-1"}}
	if got, want := m.Ask(1, p, noon).Detail, `claim "cognito:groups" has "ops-1" by the pattern "ops-*" (from @admins)`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if m.Map(&verifier.Principal{Subject: "1", Groups: []string{"platform-admin"}}, noon).Allowed() {
		t.Error("a claim's list is one of groups")
	}
	_, errs := ruleErrors(t, Policy{Rules: []Rule{{Role: "A", Claims: map[string][]string{"handle": {"@nobody"}}}}, Lists: lists})
	want := `rule[1].claims.handle: no group list "@nobody": there are "@admins", "@ops"; for a value that begins with "@", write when = 'claims["handle"] == "@nobody"'`
	if len(errs) != 1 || errs[0].Error() != want {
		t.Errorf("%v, want %s", errs, want)
	}
}
