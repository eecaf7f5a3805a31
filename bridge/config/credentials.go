package config

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// OwnCredential names requests that bring a credential of the app's own, such as a service
// account's token. The app sees that credential and nothing of a person.
type OwnCredential struct {
	// Header is the credential's header, in canonical form.
	Header string
	// Scheme is the authentication scheme (RFC 9110 §11.1), for Authorization. It is
	// compared without case.
	Scheme string
	// Begins is what the credential must begin with, behind the scheme. Empty stands for
	// any.
	Begins string
	// Where narrows it to some paths and methods. The zero value stands for all.
	Where PathRule
	// NeedsIdentity says that an assertion of somebody with a role must come as well.
	NeedsIdentity bool

	text string
}

// String is the credential as the file has it, with where it counts.
func (o *OwnCredential) String() string {
	text := o.text
	if o.Where.Path != "" || o.Where.Prefix != "" || o.Where.Methods != nil {
		text += " at " + o.Where.String()
	}
	if !o.NeedsIdentity {
		text += ", without identity"
	}
	return text
}

type credentialTable struct {
	Authorization string   `toml:"authorization"`
	Header        string   `toml:"header"`
	Methods       []string `toml:"methods"`
	Path          string   `toml:"path"`
	Prefix        string   `toml:"prefix"`
	Identity      string   `toml:"identity"`
}

// The values of identity.
const (
	identityRequired = "required"
	identityNone     = "none"
)

// validCredentials returns the credentials of the app's own that requests keep. tells are
// the headers by which the adapter tells the app who somebody is, folded.
func (l *loader) validCredentials(at place, tables []credentialTable, a *App, tells []string) []OwnCredential {
	var own []OwnCredential
	for i, t := range tables {
		here := at.index(i + 1)
		o := OwnCredential{NeedsIdentity: t.Identity != identityNone}
		switch {
		case t.Authorization != "" && t.Header != "":
			l.report.add(here.key("header"), "beside authorization: write one of them, and another [[%s]] for the other", at.path)
		case t.Header != "":
			l.credentialHeader(here.key("header"), t.Header, a, &o)
		default:
			l.credentialAuthorization(here, t.Authorization, a, &o)
		}
		if slices.Contains(tells, adapter.FoldName(o.Header)) {
			l.report.add(here, "the adapter tells the app by %s who somebody is, so a client could be anybody: use another header", o.Header)
		}
		if known := []string{identityRequired, identityNone}; t.Identity != "" && !slices.Contains(known, t.Identity) {
			l.report.add(here.key("identity"), "%q is not known%s", t.Identity, wording.Instead(t.Identity, known))
		}
		o.Where = l.credentialWhere(here, t)
		own = append(own, o)
	}
	return own
}

// credentialWhere reads the paths of one credential.
func (l *loader) credentialWhere(at place, t credentialTable) PathRule {
	r := PathRule{Path: t.Path, Prefix: t.Prefix, Source: at.source(), at: at}
	key, text, prefix := at.key("path"), t.Path, false
	if t.Prefix != "" {
		key, text, prefix = at.key("prefix"), t.Prefix, true
	}
	switch {
	case text == "":
	case t.Path != "" && t.Prefix != "":
		l.report.add(at.key("prefix"), "beside path: write one of them")
	default:
		if problem := pathProblem(text, prefix); problem != "" {
			l.report.add(key, "%s", problem)
		}
	}
	if t.Methods != nil {
		r.Methods = validMethods(l.report, at.key("methods"), t.Methods)
	}
	return r
}

func (l *loader) credentialAuthorization(at place, written string, a *App, o *OwnCredential) {
	key := at.key("authorization")
	const help = `such as "Bearer glsa_*", "token *" or "Basic *"`
	scheme, rest, ok := strings.Cut(written, " ")
	begins, pattern := strings.CutSuffix(rest, "*")
	switch {
	case written == "":
		l.report.add(at, `missing: write authorization = "Bearer glsa_*", or header = "X-Api-Key"`)
	case !ok || !httpguts.ValidHeaderFieldName(scheme):
		l.report.add(key, "%q has no scheme: write one and what the credential begins with, %s", written, help)
	case !pattern || strings.ContainsAny(begins, "* \t,"):
		l.report.add(key, "%q: one * stands at the end, for the secret part; write it %s", written, help)
	}
	o.Header, o.Scheme, o.Begins, o.text = "Authorization", scheme, begins, "authorization "+written
	for _, issuer := range a.Issuers {
		if issuer.Bearer && strings.EqualFold(scheme, "Bearer") {
			l.report.add(key, "the issuer %q sends its assertions as bearer tokens, too, so that nobody can tell which is which: use another header", issuer.Name)
		}
	}
}

func (l *loader) credentialHeader(at place, name string, a *App, o *OwnCredential) {
	o.Header, o.text = http.CanonicalHeaderKey(name), "header "+name
	folded := adapter.FoldName(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		l.report.add(at, "%q is no name of a header", name)
	case slices.Contains([]string{"cookie", "host", "connection", "authorization", "proxy-authorization"}, folded):
		l.report.add(at, `%q cannot be a credential here: write a header such as "X-Api-Key", or authorization = "Bearer *"`, name)
	case slices.ContainsFunc(a.Issuers, func(i *Issuer) bool { return adapter.FoldName(i.Header) == folded }):
		l.report.add(at, "%q is the header of an issuer's assertions", name)
	}
}
