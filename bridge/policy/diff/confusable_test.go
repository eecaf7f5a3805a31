package policydiff

import "testing"

// TestConfusableNamesAreEscaped: nobody takes one address for another in a review.
func TestConfusableNamesAreEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"\u0430nn@example.com": `\u0430nn@example.com`, "ann@example.com": "ann@example.com", "zo\u00eb": "zo\u00eb", "a\u200bb": `a\u200bb`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := (&Person{Email: text}).Who(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
