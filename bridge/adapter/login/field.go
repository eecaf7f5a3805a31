package login

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Field says what one header, form field or member of JSON carries: exactly one of
// From, Claim, Attribute, Const, Secret, Credential and CSRF, and how.
type Field struct {
	// From is a source: email, email_local, subject, name, role, roles, groups or
	// rule.
	From string `toml:"from"`
	// Claim is the name of a claim of the assertion.
	Claim string `toml:"claim"`
	// Attribute is the name of an attribute that rules add to decisions.
	Attribute string `toml:"attribute"`
	// Const is a fixed text.
	Const string `toml:"const"`
	// Secret is a text that the app and the bridge share.
	Secret adapter.Secret `toml:"secret"`
	// Credential is the name of a text in the person's account, such as "password".
	Credential string `toml:"credential"`
	// CSRF is the app's token against cross-site requests.
	CSRF bool `toml:"csrf"`

	// Encode is how the app reads it: of headers "ascii" (default) or "utf-8", of the
	// rest "utf-8" (default), of all "base64" (RFC 4648 §4, of UTF-8).
	Encode string `toml:"encode"`
	// Required refuses people for whom the field would be empty. Otherwise it is
	// left out.
	Required bool `toml:"required"`
	// Unsendable says what becomes of a value that cannot be written without
	// changing what it means: "refuse" the person (default), or "omit" the field,
	// or of a list the item.
	Unsendable string `toml:"unsendable"`

	value.Words // the app's own
}

// Where a field is sent.
const (
	inHeader = "header"
	inForm   = "form"
	inJSON   = "json"
)

// field is a compiled Field.
type field struct {
	value.Reader
	in, name   string
	kind       string // of its source
	fixed      string // a constant or a secret
	credential string
	shape      *value.Shape // nil: the source's words
	required   bool
	omit       bool
	base64     bool
	ascii      bool
}

// kindCSRF and the others are sources that only this kind has.
const (
	kindConst      = "constant"
	kindSecret     = "secret"
	kindCredential = "credential"
	kindCSRF       = "CSRF token"
)

var (
	errControl = errors.New("value has control characters")
	errSpace   = errors.New("value begins or ends with white space, which HTTP would take away")
	errASCII   = errors.New(`value has characters outside ASCII; if the app reads UTF-8, write encode = "utf-8"`)
	errEmpty   = errors.New("required, and empty for this person")
	errAccount = errors.New("credentials has no account for this person")
)

// source is where the field's value comes from.
func (f *Field) source() *value.Source {
	s := &value.Source{From: f.From, Claim: f.Claim, Attribute: f.Attribute}
	for _, own := range []struct {
		kind  string
		given bool
	}{{kindConst, f.Const != ""}, {kindSecret, !f.Secret.IsZero()}, {kindCredential, f.Credential != ""}, {kindCSRF, f.CSRF}} {
		if own.given {
			s.Own = append(s.Own, own.kind)
		}
	}
	return s
}

// field compiles the field called name.
func (o *Options) field(in, name string, options *Field, env adapter.Env, fail value.Fail) *field {
	key, ok := in+"."+name, true
	bad := func(k, format string, args ...any) {
		ok = false
		if k == "" || strings.HasPrefix(k, ".") { // below the field
			k = key + k
		}
		fail(k, format, args...)
	}
	src := options.source()
	src.Domains = o.Domains
	f := &field{in: in, name: name, kind: src.Kind(), credential: options.Credential, omit: options.Unsendable == "omit"}
	f.required = options.Required || src.SendsRoles() || f.kind == kindCredential || f.kind == kindCSRF
	if given := src.Given(); given != 1 {
		bad("", `has %d sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text", `+
			`secret = { file = "..." }, credential = "password" and csrf = true`, given)
		return f
	}
	f.open(options, src, env, bad)
	f.shape = options.Shape(src, env, bad)
	switch options.Unsendable {
	case "", "refuse":
	case "omit":
		if f.required {
			bad(".unsendable", "is required: without it, the app would sign in somebody else or nobody")
		}
	default:
		bad(".unsendable", `%q; choose "refuse" or "omit"`, options.Unsendable)
	}
	f.encoding(options, bad)
	if f.List != nil && in == inHeader {
		bad("", "%s is a list, and a header is one value", src.Name())
	}
	if ok {
		f.tryFixed(options, bad)
	}
	return f
}

// open sets what the field reads.
func (f *field) open(options *Field, src *value.Source, env adapter.Env, bad value.Fail) {
	switch f.kind {
	case kindConst:
		f.fixed = options.Const
	case kindSecret:
		var err error
		if f.fixed, err = options.Secret.Read(env); err != nil {
			bad(".secret", "%v", err)
		}
	case kindCredential, kindCSRF:
	default:
		f.Reader = src.Open(env, bad)
	}
}

func (f *field) encoding(options *Field, bad value.Fail) {
	f.ascii = f.in == inHeader
	switch {
	case options.Encode == "":
	case options.Encode == "base64":
		f.ascii, f.base64 = false, true
	case options.Encode == "utf-8":
		f.ascii = false
	case options.Encode == "ascii" && f.in == inHeader:
	case f.in == inHeader:
		bad(".encode", `%q; choose "ascii", "utf-8" or "base64"`, options.Encode)
	default:
		bad(".encode", `%q; choose "utf-8" or "base64"`, options.Encode)
	}
}

// tryFixed writes the texts that do not depend on a person, so that those that
// cannot be sent are found when the adapter is opened.
func (f *field) tryFixed(options *Field, bad value.Fail) {
	try := func(key, text string) {
		if _, err := f.write(text); err != nil {
			bad(key, "%v", err)
		}
	}
	switch f.kind {
	case kindConst:
		try(".const", f.fixed)
	case kindSecret:
		try(".secret", f.fixed)
	default:
		if options.Prefix != "" {
			if _, err := f.encode(options.Prefix + "x"); err != nil {
				bad(".prefix", "%v", err)
			}
		}
	}
	for _, from := range slices.Sorted(maps.Keys(options.Map)) {
		to, err := f.shape.Finish(options.Map[from])
		if err == nil {
			_, err = f.encode(to)
		}
		if err != nil {
			bad(".map."+from, "%v", err)
		}
	}
}

// signsIn reports whether the field is always there, and says who it is. A name is what
// people call themselves.
func (f *field) signsIn() bool {
	return f.required && !slices.Contains([]string{"", kindConst, kindSecret, kindCSRF, "rule", "groups", "name"}, f.kind)
}

// secret reports whether nobody may see what the field says.
func (f *field) secret() bool { return f.kind == kindSecret || f.kind == kindCredential }

// said is a field with what it says of somebody; several values only of a list. That
// of the CSRF token has none yet.
type said struct {
	*field
	values []string
}

// say returns what the fields say of the person, without those that say nothing.
func (a *loginAdapter) say(in *adapter.Input) ([]said, error) {
	all := make([]said, 0, len(a.fields))
	for _, f := range a.fields {
		values, err := a.read(f, in)
		if err == nil && f.required && len(values) == 0 && f.kind != kindCSRF {
			err = errEmpty
		}
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w: %w", f.in, f.name, adapter.ErrUnsendable, err)
		}
		if len(values) > 0 || f.kind == kindCSRF {
			all = append(all, said{f, values})
		}
	}
	return all, nil
}

// read returns what a field says.
func (a *loginAdapter) read(f *field, in *adapter.Input) ([]string, error) {
	switch {
	case f.kind == kindCSRF:
		return nil, nil
	case f.kind == kindCredential && a.accounts == nil: // opened to look at
		return []string{adapter.HiddenSecret}, nil
	case f.kind == kindCredential:
		account, has := a.accounts.Of(in)
		if !has {
			return nil, errAccount
		}
		return f.one(account[f.credential])
	case f.kind == kindConst || f.kind == kindSecret:
		return f.one(f.fixed)
	case f.List != nil:
		list, err := f.List(in)
		if err != nil {
			return nil, err
		}
		return f.items(list)
	}
	text, err := f.Single(in)
	if err != nil {
		return f.unsendable(err)
	}
	return f.one(text)
}

// one returns a text as it is written, or nothing.
func (f *field) one(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	written, err := f.write(text)
	switch {
	case err != nil:
		return f.unsendable(err)
	case written == "":
		return nil, nil
	}
	return []string{written}, nil
}

func (f *field) items(list []string) ([]string, error) {
	items := make([]string, 0, len(list))
	for _, item := range list {
		written, err := f.one(item)
		if err != nil {
			return nil, err
		}
		if f.shape.Mapped() && len(written) > 0 && slices.Contains(items, written[0]) { // two names for one thing
			continue
		}
		items = append(items, written...)
	}
	return items, nil
}

func (f *field) unsendable(err error) ([]string, error) {
	if f.omit && !errors.Is(err, value.ErrUnmapped) {
		return nil, nil
	}
	return nil, err
}

// write writes a text in the app's words; "" if it has none.
func (f *field) write(text string) (string, error) {
	if f.shape != nil {
		var err error
		if text, err = f.shape.Apply(text); err != nil || text == "" {
			return "", err
		}
	}
	return f.encode(text)
}

// encode writes a text as the bytes of its place, or refuses it.
func (f *field) encode(text string) (string, error) {
	switch {
	case value.HasControl(text):
		return "", errControl
	case f.base64:
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	case f.ascii && strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }):
		return "", errASCII
	case f.in == inHeader && strings.TrimSpace(text) != text:
		return "", errSpace
	case f.required && strings.TrimSpace(text) == "":
		return "", errEmpty
	}
	return text, nil
}
