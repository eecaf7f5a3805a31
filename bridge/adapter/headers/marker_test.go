package headers

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/verifier"
)

func TestMarkerDiffers(t *testing.T) {
	a := mustOpen(t, Options{Header: map[string]Header{
		"X-Name":   {From: "name"},
		"X-Team":   {Claim: "team"},
		"X-Groups": {From: "groups", Join: ","},
		"X-Sync":   {From: "sync_marker"},
	}})
	base := sent(t, a, inputOf(ann()))["X-Sync"]
	if !regexp.MustCompile(`^ssobridge-sync-[0-9a-f]{32}$`).MatchString(base) {
		t.Fatalf("marker %q", base)
	}
	tests := []struct {
		name   string
		differ bool
		change func(in *adapter.Input)
	}{
		{"nothing", false, func(*adapter.Input) {}},
		{"another instance of the same minute", false, func(in *adapter.Input) { in.Time = noon.Add(time.Minute - 1) }},
		{"what the app is not told", false, func(in *adapter.Input) { in.Principal.SessionID = "x" }},
		{"the rule", false, func(in *adapter.Input) { in.Decision.Rule++ }},

		{"the subject", true, func(in *adapter.Input) { in.Principal.Subject += "x" }},
		{"the name", true, func(in *adapter.Input) { in.Principal.Name += "x" }},
		{"the role, even if not sent", true, func(in *adapter.Input) { in.Decision.Roles = []string{"Viewer"} }},
		{"a group", true, func(in *adapter.Input) { in.Principal.Groups[0] = "sra" }},
		{"a claim that is sent", true, func(in *adapter.Input) { in.Principal.Claims["team"] = "x" }},
		{"the next minute", true, func(in *adapter.Input) { in.Time = noon.Add(time.Minute) }},
		{"the minute before", true, func(in *adapter.Input) { in.Time = noon.Add(-1) }},
		{"text that moves from one value to the next", true, func(in *adapter.Input) {
			role, _ := in.Decision.Role()
			in.Principal.Subject, in.Decision.Roles = in.Principal.Subject+role[:1], []string{role[1:]}
		}},
	}
	for _, tt := range tests {
		in := inputOf(ann())
		tt.change(&in)
		if got := sent(t, a, in)["X-Sync"]; (got != base) != tt.differ {
			t.Errorf("%s: marker %s after %s, want it to differ: %t", tt.name, got, base, tt.differ)
		}
	}
}

// TestMarkerOfSeveralRoles: whatever changes in a list of roles, or in headers
// that repeat, the app looks again.
func TestMarkerOfSeveralRoles(t *testing.T) {
	a := mustOpen(t, Options{Header: map[string]Header{
		"X-Roles": {From: "roles", Join: ","}, "X-Groups": {From: "groups", Repeat: true}, "X-More": {Claim: "more", Repeat: true},
		"X-Name": {From: "name"}, "X-Sync": {From: "sync_marker"},
	}})
	people := []struct {
		roles, groups []string
		more          []any
		name          string
	}{
		{roles: []string{"a", "b"}, groups: []string{"a", "b"}},
		{roles: []string{"b", "a"}, groups: []string{"a", "b"}},
		{roles: []string{"ab"}, groups: []string{"a", "b"}},
		{roles: []string{"a"}, groups: []string{"a", "b"}},
		{roles: []string{"a"}, groups: []string{"b", "a", "b"}},
		{roles: []string{"a", "b"}, groups: []string{"b", "a"}},
		{roles: []string{"a", "b"}, groups: []string{"ab"}},
		{roles: []string{"a", "b"}, groups: []string{"a"}},
		{roles: []string{"a", "b"}, groups: []string{"a"}, more: []any{"b"}},
		{roles: []string{"a", "b"}, more: []any{"a", "b"}},
		{roles: []string{"a", "b"}, more: []any{"a"}, name: "b"},
		{roles: []string{"a", "b"}, groups: []string{"a"}, name: "b"},
		{roles: []string{"a", "b"}},
	}
	seen := make(map[string]int)
	for i, p := range people {
		in := withRoles(p.roles...)
		in.Principal.Groups, in.Principal.Name, in.Principal.Claims = p.groups, p.name, map[string]any{"more": p.more}
		out, err := a.Adapt(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		marker := out.Header.Get("X-Sync")
		if other, twice := seen[marker]; twice {
			t.Errorf("one marker for %v and %v", people[other], p)
		}
		seen[marker] = i
	}
}

func TestResync(t *testing.T) {
	a := mustOpen(t, Options{Header: map[string]Header{"X-Sync": {From: "sync_marker"}}, Resync: time.Hour})
	at := func(d time.Duration) string {
		in := inputOf(ann())
		in.Time = noon.Add(d)
		return sent(t, a, in)["X-Sync"]
	}
	if at(0) != at(time.Hour-1) || at(0) == at(time.Hour) {
		t.Error("the marker does not change once an hour")
	}
}

// Grafana looks people up in a cache by a hash of what it reads, in this order.
// Up to 9.4 it joined the values by "-", later by nothing.
var (
	keyHeaders   = []string{"X-User", "X-Name", "X-Email", "X-Login", "X-Role", "X-Groups"}
	keySeparator = map[string]string{"Grafana 9.4": "-", "Grafana 10": ""}
)

func cacheKey(t testing.TB, a adapter.Adapter, p *verifier.Principal, separator string) string {
	t.Helper()
	headers := sent(t, a, inputOf(p))
	var parts []string
	for _, name := range keyHeaders {
		if headers[name] != "" {
			parts = append(parts, headers[name])
		}
	}
	return strings.Join(parts, separator)
}

// everyHeader sends all that is in the key from sources that people choose.
func everyHeader(t testing.TB, appended string) adapter.Adapter {
	t.Helper()
	return mustOpen(t, Options{Header: map[string]Header{
		"X-User":   {From: "email", Required: true},
		"X-Name":   {From: "name"},
		"X-Email":  {Claim: "email"},
		"X-Login":  {Claim: "login"},
		"X-Role":   {From: "role"},
		"X-Groups": {From: "groups", Join: ",", Append: appended},
	}})
}

// TestGrafanaCacheCollision: mallory at a domain that begins like ann's gives
// himself the rest of her as his display name, and was signed in as her.
func TestGrafanaCacheCollision(t *testing.T) {
	people := map[string][2]*verifier.Principal{
		"Grafana 9.4": {
			{Subject: "1", Email: "h@x.io-n", Name: "w"},
			{Subject: "2", Email: "h@x.io", Name: "n-w"},
		},
		"Grafana 10": {
			{Subject: "1", Email: "ann@x.ion", Name: "ann"},
			{Subject: "2", Email: "ann@x.io", Name: "nann"},
		},
	}
	for version, pair := range people {
		plain, marked := everyHeader(t, ""), everyHeader(t, "sync_marker")
		separator := keySeparator[version]
		if cacheKey(t, plain, pair[0], separator) != cacheKey(t, plain, pair[1], separator) {
			t.Errorf("%s: the attack is no attack", version)
		}
		if cacheKey(t, marked, pair[0], separator) == cacheKey(t, marked, pair[1], separator) {
			t.Errorf("%s: two people have one key", version)
		}
	}
}

// TestNoCacheCollision cuts the same text into the values of two people in any
// two ways: one key for both without a marker, never with it.
func TestNoCacheCollision(t *testing.T) {
	plain, marked := everyHeader(t, ""), everyHeader(t, "sync_marker")
	for version, separator := range keySeparator {
		t.Run(version, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ann", "x.io"}), 8, 8).Draw(rt, "words")
				person := func(subject string) *verifier.Principal {
					ends := rapid.SliceOfNDistinct(rapid.IntRange(1, len(words)-1), 3, 3, rapid.ID).Draw(rt, subject)
					values := cutAt(words, ends, separator)
					return &verifier.Principal{
						Subject: subject, Email: values[0], Name: values[1], Groups: []string{"staff"},
						Claims: map[string]any{"email": values[2], "login": values[3]},
					}
				}
				p, q := person("first"), person("second")
				if cacheKey(t, plain, p, separator) != cacheKey(t, plain, q, separator) {
					rt.Fatal("the attack is no attack")
				}
				if cacheKey(t, marked, p, separator) == cacheKey(t, marked, q, separator) {
					rt.Fatalf("one key for %+v and %+v", p, q)
				}
			})
		})
	}
}

// cutAt joins words into len(ends)+1 values.
func cutAt(words []string, ends []int, separator string) []string {
	isEnd := make(map[int]bool)
	for _, end := range ends {
		isEnd[end] = true
	}
	values := []string{words[0]}
	for i, word := range words[1:] {
		if isEnd[i+1] {
			values = append(values, word)
			continue
		}
		values[len(values)-1] += separator + word
	}
	return values
}
