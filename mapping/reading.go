package mapping

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Reading is how the claims of an issuer's assertions are read: by rules, expressions,
// adapters and whoever explains them. The zero Reading is that of an issuer whose lists
// are JSON lists.
type Reading struct {
	// Joined: the issuer writes a list as one text, with commas between the items, as
	// Pomerium does.
	Joined bool
	// Lists are the claims that are such lists besides those that are known to be.
	// People may choose the text of others, and with a comma in it another's item.
	Lists []string
}

// knownLists are the claims that identity providers write as lists, by the last part of
// their name: "cognito:groups", "realm_access.roles", "https://example.com/roles".
var knownLists = []string{"groups", "roles", "permissions", "entitlements", "memberof", "amr", "wids"}

// IsList reports whether a claim is known or declared to be a list.
func (r Reading) IsList(claim string) bool {
	return slices.Contains(knownLists, lastPart(claim)) || slices.Contains(r.Lists, claim)
}

// lastPart is what stands behind the last separator in a claim's name, in lower case.
func lastPart(claim string) string {
	return LowerASCII(claim[strings.LastIndexAny(claim, ".:/#")+1:])
}

// splits reports whether commas in a claim's text stand between items.
func (r Reading) splits(claim string) bool { return r.Joined && r.IsList(claim) }

// Items returns what a claim's value says, item by item: numbers, true and false in
// words, and nothing that is empty. The error says what of it is nothing that a rule
// or an app could be told; the rest is returned nevertheless.
func (r Reading) Items(claim string, v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		if !r.splits(claim) || !strings.Contains(v, ",") {
			return values(v), nil
		}
		return slices.DeleteFunc(strings.Split(v, ","), func(item string) bool { return item == "" }), nil
	case []any:
		var err error
		items := make([]string, 0, len(v))
		for _, item := range v {
			text, ok := scalar(item)
			if !ok {
				err = fmt.Errorf("claim %q has an item that is no text", claim)
			} else if text != "" {
				items = append(items, text)
			}
		}
		return items, err
	}
	text, ok := scalar(v)
	if !ok {
		return nil, fmt.Errorf("claim %q is neither a text nor a list of texts", claim)
	}
	return values(text), nil
}

// values is the text as the one value that there is, if it is one.
func values(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// maxNumber is from where on several whole numbers become one float64: of two
// organisations, either could be meant.
const maxNumber = 1 << 53

// scalar writes a claim's value as rules do, if they can.
func scalar(v any) (text string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		if math.Abs(v) < maxNumber {
			return strconv.FormatFloat(v, 'f', -1, 64), true
		}
	}
	return "", false
}
