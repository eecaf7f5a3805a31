package policydiff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// pathSettings compare what an app's paths mean by themselves, one setting for each
// rule that is there on one side only, and its limits.
func pathSettings(o, n *config.App) []Setting {
	var settings []Setting
	for _, list := range []struct {
		key      string
		old, new []string
	}{
		{"public", pathTexts(o.Paths.Public), pathTexts(n.Paths.Public)},
		{"deny", pathTexts(o.Paths.Deny), pathTexts(n.Paths.Deny)},
		{"own_credentials", credentialTexts(o.OwnCredentials), credentialTexts(n.OwnCredentials)},
		{"adapter deny", pathTexts(o.AdapterDeny), pathTexts(n.AdapterDeny)},
	} {
		for _, text := range without(list.new, list.old) {
			settings = append(settings, Setting{list.key, "", text})
		}
		for _, text := range without(list.old, list.new) {
			settings = append(settings, Setting{list.key, text, ""})
		}
	}
	before, after := limitTexts(o), limitTexts(n)
	for i, key := range []string{"paths", "encoded_slash", "cors_preflight", "max_concurrent", "max_concurrent_per_person", "max_body_bytes", "rate", "burst"} {
		settings = append(settings, Setting{key, before[i], after[i]})
	}
	return settings
}

func limitTexts(a *config.App) []string {
	paths, l := "lenient", &a.Limits
	if a.Paths.Strict {
		paths = "strict"
	}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	rate := ""
	if l.Rate > 0 {
		rate = strconv.FormatFloat(l.Rate, 'g', 6, 64) + "/s"
	}
	return []string{paths, strconv.FormatBool(a.Paths.EncodedSlash), strconv.FormatBool(a.Paths.CORSPreflight), number(l.MaxConcurrent), number(l.MaxPerPerson), number(l.MaxBody), rate, number(l.Burst)}
}

func pathTexts(rules []config.PathRule) []string {
	texts := make([]string, len(rules))
	for i := range rules {
		texts[i] = rules[i].String()
	}
	return texts
}

func credentialTexts(own []config.OwnCredential) []string {
	texts := make([]string, len(own))
	for i := range own {
		texts[i] = own[i].String()
	}
	return texts
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(text string) bool { return slices.Contains(others, text) })
}

// opened are the paths that the new app serves to everybody and the old one did not;
// old may be nil.
func opened(o, n *config.App) []string {
	if o == nil {
		return pathTexts(n.Paths.Public)
	}
	return without(pathTexts(n.Paths.Public), pathTexts(o.Paths.Public))
}

// openedText is for above all else that is said of an app.
func (a *App) openedText(quote func(string) string) string {
	texts := make([]string, len(a.Opened))
	for i, text := range a.Opened {
		texts[i] = quote(text)
	}
	return fmt.Sprintf("EVERYBODY, signed in or not, gains %s", strings.Join(texts, ", "))
}

// openedSummary names how many paths are newly public; empty: none.
func (r *Result) openedSummary() string {
	opened := make(map[string]bool)
	for _, a := range r.Apps {
		for _, text := range a.Opened {
			opened[a.Name+" "+text] = true
		}
	}
	if len(opened) == 0 {
		return ""
	}
	return " Newly public, for everybody: " + wording.Count(len(opened), "path") + "."
}
