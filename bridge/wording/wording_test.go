package wording

import "testing"

func TestDidYouMean(t *testing.T) {
	for _, test := range []struct {
		name  string
		known []string
		want  string
	}{
		{"viewer", []string{"Viewer", "Editor"}, `: upper and lower case matter, write "Viewer"`},
		{"Viewr", []string{"Viewer", "Editor"}, `: did you mean "Viewer"?`},
		{"Editr", []string{"Viewer", "Editor"}, `: did you mean "Editor"?`},
		{"Veiwer", []string{"Viewer", "Editor"}, `: did you mean "Viewer"?`},
		{"Superuser", []string{"Viewer", "Editor"}, ""},
		{"public_key", []string{"header", "public_key_file"}, `: did you mean "public_key_file"?`},
		{"jwks", []string{"jwks_file", "jwks_url"}, ""}, // which of them?
		{"hea", []string{"header"}, ""},
		{"at", []string{"at_most"}, ""},
		{"header", []string{"headers", "jwt"}, `: did you mean "headers"?`},
		{"", []string{"_", "host"}, ""},
	} {
		if got := DidYouMean(test.name, test.known); got != test.want {
			t.Errorf("%q among %q: %q, want %q", test.name, test.known, got, test.want)
		}
	}
}
