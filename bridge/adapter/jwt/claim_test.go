package jwt

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/verifier"
)

// TestClaims has what the app reads for Ann; absent is no claim at all.
func TestClaims(t *testing.T) {
	const absent = "(absent)"
	for _, tt := range []struct {
		name  string
		claim Claim
		want  any
	}{
		{"email", Claim{From: "email"}, "Ann@example.com"},
		{"email, lower", Claim{From: "email", Words: value.Words{Lower: true}}, "ann@example.com"},
		{"subject", Claim{From: "subject"}, "2f6a"},
		{"name beyond ASCII", Claim{From: "name"}, "Ann Exämple"},
		{"role", Claim{From: "role"}, "Editor"},
		{"role as a list", Claim{From: "role", Type: "list"}, []any{"Editor"}},
		{"role in the app's words", Claim{From: "role", Words: value.Words{Map: map[string]string{"Editor": "can_edit"}}}, "can_edit"},
		{"role as a boolean", Claim{From: "role", Type: "bool", Words: value.Words{Map: map[string]string{"Editor": "false", "Admin": "true"}}}, false},
		{"role as a number", Claim{From: "role", Type: "number", Words: value.Words{Map: map[string]string{"Editor": "20"}}}, 20.0},
		{"roles", Claim{From: "roles"}, []any{"Editor"}},
		{"rule", Claim{From: "rule"}, "rule[2]"},
		{"groups", Claim{From: "groups"}, []any{"sre", "staff"}},
		{"groups by name", Claim{From: "groups", Words: value.Words{Map: map[string]string{"sre": "ops"}, Unmapped: "omit"}}, []any{"ops"}},
		{"no group has a name", Claim{From: "groups", Words: value.Words{Map: map[string]string{"x": "y"}, Unmapped: "omit"}}, []any{}},
		{"two groups of one name", Claim{From: "groups", Words: value.Words{Map: map[string]string{"sre": "x", "staff": "x"}, Unmapped: "omit"}}, []any{"x"}},
		{"prefix", Claim{From: "groups", Words: value.Words{Prefix: "sso:"}}, []any{"sso:sre", "sso:staff"}},
		{"attribute", Claim{Attribute: "org"}, "Main"},
		{"attribute as a number", Claim{Attribute: "org_id", Type: "number"}, 7.0},
		{"attribute that is not there", Claim{Attribute: "no"}, absent},
		{"claim", Claim{Claim: "department"}, "Engineering"},
		{"claim that is not there", Claim{Claim: "no"}, absent},
		{"claim that is null", Claim{Claim: "null", Type: "number"}, absent},
		{"claim of a list", Claim{Claim: "roles", Type: "list"}, []any{"reader", "writer"}},
		{"claim of one, as a list", Claim{Claim: "department", Type: "list"}, []any{"Engineering"}},
		{"claim of a list that is not there", Claim{Claim: "no", Type: "list"}, []any{}},
		{"claim of a number", Claim{Claim: "level", Type: "number"}, 3.0},
		{"claim of a fraction", Claim{Claim: "share", Type: "number"}, 0.5},
		{"claim of digits", Claim{Claim: "text_level", Type: "number"}, 12.0},
		{"claim of a boolean", Claim{Claim: "verified", Type: "bool"}, true},
		{"claim of a boolean's name", Claim{Claim: "text_bool", Type: "bool"}, false},
		{"constant", Claim{Const: "x"}, "x"},
		{"constant number", Claim{Const: int64(3)}, 3.0},
		{"constant list", Claim{Const: []any{"a", true}}, []any{"a", true}},
		{"object", Claim{Object: map[string]Claim{"a": {From: "role"}, "b": {Claim: "no"}, "c": {Object: map[string]Claim{"d": {From: "email"}}}}},
			map[string]any{"a": "Editor", "c": map[string]any{"d": "Ann@example.com"}}},
		{"object of nothing", Claim{Object: map[string]Claim{"a": {Claim: "no"}}}, absent},
		{"object without its first", Claim{Object: map[string]Claim{"a": {Claim: "no"}, "b": {From: "role"}}}, map[string]any{"b": "Editor"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := mustOpen(t, claims(t, map[string]Claim{"it": tt.claim}), serving)
			got, is := mustRead(t, a, inputOf(ann()))["it"]
			if !is {
				got = absent
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("the app reads (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRefused: whoever cannot be told of as they are is refused; with
// unsendable = "omit" the claim is left out, unless it is required.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		claim   Claim
		change  func(*verifier.Principal)
		err     error
		omitted bool // with unsendable = "omit"
	}{
		{"control characters", Claim{From: "name"}, func(p *verifier.Principal) { p.Name = "a\r\nb" }, document.ErrControl, true},
		{"not UTF-8", Claim{From: "name"}, func(p *verifier.Principal) { p.Name = "a\xff" }, document.ErrControl, true},
		{"in a group", Claim{From: "groups"}, func(p *verifier.Principal) { p.Groups = []string{"a\x00"} }, document.ErrControl, true},
		{"required and empty", Claim{From: "name", Required: true}, func(p *verifier.Principal) { p.Name = "" }, document.ErrEmpty, false},
		{"required and control characters", Claim{From: "name", Required: true}, func(p *verifier.Principal) { p.Name = "a\n" }, document.ErrControl, false},
		{"required and no groups", Claim{From: "groups", Required: true}, func(p *verifier.Principal) { p.Groups = nil }, document.ErrEmpty, false},
		{"no word", Claim{From: "email", Words: value.Words{Map: map[string]string{"a": "b"}, Unmapped: "refuse"}}, nil, value.ErrUnmapped, false},
		{"a number in words", Claim{Claim: "department", Type: "number"}, nil, document.ErrNumber, true},
		{"a number that few apps can hold", Claim{Claim: "huge", Type: "number"}, nil, document.ErrNumber, true},
		{"a number with a zero before it", Claim{Claim: "department", Type: "number"}, func(p *verifier.Principal) { p.Claims["department"] = "007" }, document.ErrNumber, true},
		{"a number with an exponent", Claim{Claim: "department", Type: "number"}, func(p *verifier.Principal) { p.Claims["department"] = "1.234567e+06" }, document.ErrNumber, true},
		{"a number that is none", Claim{Claim: "level", Type: "number"}, func(p *verifier.Principal) { p.Claims["level"] = math.NaN() }, document.ErrNumber, true},
		{"a boolean in words", Claim{Claim: "department", Type: "bool"}, nil, document.ErrBool, true},
		{"a boolean as a number", Claim{Claim: "level", Type: "bool"}, nil, adapter.ErrUnsendable, true},
		{"a number as text", Claim{Claim: "level"}, nil, adapter.ErrUnsendable, true},
		{"a list as text", Claim{Claim: "roles"}, nil, adapter.ErrUnsendable, true},
		{"a list of several types", Claim{Claim: "mixed", Type: "list"}, nil, adapter.ErrUnsendable, true},
		{"within an object", Claim{Object: map[string]Claim{"a": {From: "name", Required: true}}}, func(p *verifier.Principal) { p.Name = "" }, document.ErrEmpty, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := inputOf(ann())
			if tt.change != nil {
				tt.change(in.Principal)
			}
			a := mustOpen(t, claims(t, map[string]Claim{"it": tt.claim}), serving)
			out, err := a.Adapt(t.Context(), in)
			if !errors.Is(err, tt.err) || !errors.Is(err, adapter.ErrUnsendable) || len(out.Header) > 0 {
				t.Errorf("%v, %v; want %v", out.Header, err, tt.err)
			}
			if tt.claim.Object != nil {
				return
			}
			tt.claim.Unsendable = "omit"
			_, err = mustOpen(t, claims(t, map[string]Claim{"it": tt.claim}), serving).Adapt(t.Context(), in)
			if (err == nil) != tt.omitted {
				t.Errorf("with unsendable = omit: %v", err)
			}
		})
	}
}

// TestRoleIsRequired: an app may allow somebody without a role more.
func TestRoleIsRequired(t *testing.T) {
	for _, from := range []string{"role", "roles"} {
		in := inputOf(ann())
		in.Decision.Roles = []string{""}
		a := mustOpen(t, claims(t, map[string]Claim{"role": {From: from}}), serving)
		if _, err := a.Adapt(t.Context(), in); !errors.Is(err, document.ErrEmpty) {
			t.Errorf("%s: %v", from, err)
		}
	}
}

// TestSubjectIsRequired: somebody without one would be whoever the app takes an
// empty subject for.
func TestSubjectIsRequired(t *testing.T) {
	a := mustOpen(t, claims(t, map[string]Claim{"sub": {Claim: "employee_number", Unsendable: "omit"}}), serving)
	if _, err := a.Adapt(t.Context(), inputOf(ann())); !errors.Is(err, document.ErrEmpty) {
		t.Errorf("%v", err)
	}
	in := inputOf(ann())
	in.Principal.Claims["employee_number"] = "17"
	if got := mustRead(t, a, in)["sub"]; got != "17" {
		t.Errorf("sub %v", got)
	}
}

// TestTextNeverBecomesStructure: a display name, which people choose, ends
// nothing and begins nothing.
func TestTextNeverBecomesStructure(t *testing.T) {
	a := mustOpen(t, claims(t, map[string]Claim{"name": {From: "name"}, "role": {From: "role"}, "groups": {From: "groups"}}), serving)
	for _, text := range []string{
		`","role":"Admin`, `"}`, `\`, `\"`, `\u0022`, "<script>", "\u2028", "a/b", `],"role":"Admin","x":["`, "\ufffd", "\U0001f600", strings.Repeat("x", 10000),
	} {
		in := inputOf(ann())
		in.Principal.Name, in.Principal.Groups = text, []string{text, "b"}
		got := mustRead(t, a, in)
		want := map[string]any{"name": text, "role": "Editor", "groups": []any{text, "b"}}
		for name := range want {
			if diff := cmp.Diff(want[name], got[name]); diff != "" {
				t.Errorf("%.40q: %s (-want +got):\n%s", text, name, diff)
			}
		}
	}
}

func TestASCII(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if !utf8.ValidString(text) {
			return
		}
		var got string
		written := ascii(document.AppendString(nil, text))
		if err := json.Unmarshal(written, &got); err != nil || got != text {
			t.Fatalf("%q is written as %s, which reads %q, %v", text, written, got, err)
		}
	})
}
