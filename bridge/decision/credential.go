package decision

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/request"
)

// ownCredential returns what the configuration says of a credential of the app's own that
// a request brings, or nil if it brings none. Anything doubtful is none: two values, a path
// that servers read in different ways, or an Authorization that could be read as a list.
func (a *App) ownCredential(r *Request) *config.OwnCredential {
	if r.SignIn || r.As != nil {
		return nil
	}
	for i := range a.credentials {
		if o := &a.credentials[i]; carries(o, r.In.Header) && isAt(&o.Where, r.In.Method, r.Path) {
			return o
		}
	}
	return nil
}

// carries reports whether a request's headers have the credential.
func carries(o *config.OwnCredential, h http.Header) bool {
	values := h[o.Header]
	if len(values) != 1 || values[0] == "" {
		return false
	}
	if o.Scheme == "" {
		return true
	}
	scheme, credential, ok := strings.Cut(values[0], " ")
	return ok && strings.EqualFold(scheme, o.Scheme) && strings.HasPrefix(credential, o.Begins) &&
		len(credential) > len(o.Begins) && isToken68(credential)
}

// isToken68 reports whether a text is one credential (RFC 9110 §11.2). "_" is also one of
// its characters there.
func isToken68(text string) bool {
	text = strings.TrimRight(text, "=")
	return text != "" && strings.Trim(text, token68) == ""
}

// token68 are the characters of a credential, but for "=" at its end.
const token68 = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/"

// isAt reports whether a request is at a place, spelt as the configuration spells it.
func isAt(where *config.PathRule, method string, path request.Path) bool {
	if where.Methods != nil && !slices.Contains(where.Methods, method) {
		return false
	}
	switch {
	case where.Path == "" && where.Prefix == "":
		return true
	case path.Broken || path.Ambiguous || path.EncodedSlash || path.OverEncoded:
		return false
	case where.Prefix != "":
		return strings.HasPrefix(path.Decoded, where.Prefix)
	default:
		return path.Decoded == where.Path
	}
}
