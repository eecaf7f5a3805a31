package headers

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// grafanaReads is Grafana's rule for lists: JSON if the value begins with "[",
// else what the expression finds, without the quotes around it.
func grafanaReads(value string) []string {
	if strings.HasPrefix(strings.TrimSpace(value), "[") {
		var items []string
		_ = json.Unmarshal([]byte(value), &items)
		return items
	}
	var items []string
	for _, match := range grafanaItem.FindAllString(value, -1) {
		items = append(items, strings.Trim(match, `"`))
	}
	return items
}

var grafanaItem = regexp.MustCompile(`"[^"]+"|[^,\t\n\v\f\r ]+`)

// groupNames are drawn from what has meaning to readers of lists.
func groupNames() *rapid.Generator[[]string] {
	name := rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ab,;| \t\n\"'[]{}\\=@*ëカ\u00a0\u2028\u0085")), 0, 8, -1),
		rapid.SampledFrom([]string{
			"sre", "sre@example.com", "a,admins", `["admins"]`, `[`, `","`, `a","admins`, `"admins"`, " admins", "a\nb",
			"\xff", "Café Crew", "ssobridge-sync-0", "{}", "a\u00a0b",
			"<admins>", "a><admins", `a\>`, "%2Cadmins", "=?UTF-8?B?YWRtaW5z?=", "a+b", "cn=sre,ou=groups",
		}),
		rapid.String(),
	)
	return rapid.SliceOfN(name, 0, 6)
}

func grafanaGroups(tb testing.TB) Options {
	tb.Helper()
	return Options{Header: map[string]Header{"X-Webauth-Groups": {
		From: "groups", Join: ",", Quote: true, Encode: "utf-8", Unsendable: "omit", Append: "sync_marker",
	}}}
}

// TestGrafanaReadsTheGroups: for any groups, Grafana reads those that can be
// sent, each whole and in order, and one marker.
func TestGrafanaReadsTheGroups(t *testing.T) {
	a := mustOpen(t, grafanaGroups(t))
	rapid.Check(t, func(rt *rapid.T) {
		p := ann()
		p.Groups = groupNames().Draw(rt, "groups")
		var want []string
		for _, g := range p.Groups {
			if g != "" && !value.HasControl(g) && !strings.Contains(g, `"`) {
				// Space that Grafana does not take for space can stand unquoted
				// inside a name, but not around it.
				if unquoted := !strings.ContainsAny(g, ", ["); unquoted && strings.TrimSpace(g) != g {
					continue
				}
				want = append(want, g)
			}
		}
		value := sent(t, a, inputOf(p))["X-Webauth-Groups"]
		got := grafanaReads(value)
		if len(got) == 0 || !strings.HasPrefix(got[len(got)-1], markerPrefix) {
			rt.Fatalf("groups %q: no marker at the end of %q", p.Groups, value)
		}
		if diff := cmp.Diff(want, got[:len(got)-1:len(got)-1]); diff != "" && len(want)+len(got) > 1 {
			rt.Fatalf("groups %q sent as %q (-sendable +read):\n%s", p.Groups, value, diff)
		}
	})
}

// listReaders are how apps read a list: they decode it whole and then split it,
// or split it and then decode the items.
func listReaders(h Header) []func(values []string) []string {
	var all []func(values []string) []string
	for _, decode := range readers[h.Encode] {
		decoded := func(text string) string {
			got, err := decode(text)
			if err != nil {
				return "not " + h.Encode
			}
			return got
		}
		each := func(split func(string) []string) func(values []string) []string {
			return func(values []string) []string {
				var items []string
				for _, item := range split(strings.Join(values, ", ")) { // RFC 9110 §5.3
					items = append(items, strings.TrimSpace(decoded(item)))
				}
				return items
			}
		}
		whole := func(split func(string) []string) func(values []string) []string {
			return func(values []string) []string {
				var items []string
				for _, item := range split(decoded(strings.Join(values, ", "))) {
					items = append(items, strings.TrimSpace(item))
				}
				return items
			}
		}
		split := func(text string) []string { return strings.Split(text, strings.Trim(h.Join, " ")) }
		switch {
		case h.Repeat:
			split = func(text string) []string { return strings.Split(text, ",") }
		case h.Wrap != "":
			split = func(text string) []string { return strings.Split(text[1:len(text)-1], "><") }
			older := func(text string) (items []string) {
				for _, match := range regexp.MustCompile("<(.*?)>").FindAllStringSubmatch(text, -1) {
					items = append(items, match[1])
				}
				return items
			}
			all = append(all, each(older))
		case strings.TrimSpace(h.Join) == "":
			split = func(text string) []string { return strings.FieldsFunc(text, unicode.IsSpace) }
		}
		all = append(all, each(split), whole(split))
	}
	return all
}

// TestListsReadBack: whatever the form, an app that splits and trims reads
// groups of the person only, and all of them if none is left out.
func TestListsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := Header{
			From:       "groups",
			Join:       rapid.SampledFrom([]string{",", ", ", " , ", ";", "|", " | ", ":", "/", "+", "&", " ", "  ", "repeat", "<>"}).Draw(rt, "join"),
			Encode:     rapid.SampledFrom([]string{"ascii", "utf-8", "latin-1", "quoted-printable", "percent", "rfc2047"}).Draw(rt, "encode"),
			Unsendable: rapid.SampledFrom([]string{"refuse", "omit"}).Draw(rt, "unsendable"),
		}
		switch h.Join {
		case "repeat":
			h.Join, h.Repeat = "", true
		case "<>":
			h.Join, h.Wrap = "", "<>"
		}
		a, err := (&Options{Header: map[string]Header{"X-Groups": h}}).Open(adapter.Env{})
		if err != nil { // a separator or brackets that the encoding does not keep apart
			if h.Encode != "percent" && h.Encode != "rfc2047" {
				rt.Fatal(err)
			}
			return
		}
		p := ann()
		p.Groups = groupNames().Draw(rt, "groups")
		out, err := a.Adapt(t.Context(), inputOf(p))
		if err != nil || out.Header["X-Groups"] == nil {
			return
		}
		values := out.Header["X-Groups"]
		named := slices.DeleteFunc(slices.Clone(p.Groups), func(g string) bool { return g == "" })
		for i, read := range listReaders(h) {
			got := read(values)
			if h.Unsendable == "refuse" && !slices.Equal(named, got) {
				rt.Fatalf("groups %q sent as %q are read as %q (%d)", p.Groups, values, got, i)
			}
			for _, item := range got {
				if !slices.Contains(named, item) {
					rt.Fatalf("groups %q sent as %q: the app reads %q (%d)", p.Groups, values, item, i)
				}
			}
		}
	})
}
