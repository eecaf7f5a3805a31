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
			if g != "" && !hasControl(g) && !strings.Contains(g, `"`) {
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

// TestListsReadBack: whatever the separator, an app that splits at it and trims
// reads groups of the person only, and all of them if none is left out.
func TestListsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := Header{
			From:       "groups",
			Join:       rapid.SampledFrom([]string{",", ", ", " , ", ";", "|", " | ", ":", "/", "+", "&", " ", "  "}).Draw(rt, "join"),
			Encode:     rapid.SampledFrom([]string{"ascii", "utf-8", "quoted-printable"}).Draw(rt, "encode"),
			Unsendable: rapid.SampledFrom([]string{"refuse", "omit"}).Draw(rt, "unsendable"),
		}
		p := ann()
		p.Groups = groupNames().Draw(rt, "groups")
		out, err := mustOpen(t, Options{Header: map[string]Header{"X-Groups": h}}).Adapt(t.Context(), inputOf(p))
		if err != nil || out.Header["X-Groups"] == nil {
			return
		}
		text, err := readers[h.Encode](out.Header["X-Groups"][0])
		if err != nil {
			rt.Fatal(err)
		}
		var got []string
		if separator := strings.TrimSpace(h.Join); separator != "" {
			for item := range strings.SplitSeq(text, separator) {
				got = append(got, strings.TrimSpace(item))
			}
		} else {
			got = strings.FieldsFunc(text, unicode.IsSpace)
		}
		named := slices.DeleteFunc(slices.Clone(p.Groups), func(g string) bool { return g == "" })
		if h.Unsendable == "refuse" && !slices.Equal(named, got) {
			rt.Fatalf("groups %q sent as %q are read as %q", p.Groups, text, got)
		}
		for _, item := range got {
			if !slices.Contains(named, item) {
				rt.Fatalf("groups %q sent as %q: the app reads %q", p.Groups, text, item)
			}
		}
	})
}
