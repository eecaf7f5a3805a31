package session

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
)

// openFields compiles the fields.
func (o *Options) openFields(a *sessionAdapter, f *format, secrets []string, env adapter.Env, fail value.Fail) {
	if len(o.Fields) == 0 {
		fail("fields", `no field; write one such as [fields] user_id = { from = "email", required = true }`)
	}
	o.checkNames(f, fail)
	value.CheckDomains(o.Domains, o.OneNamespace, document.Uses(o.Fields, "email_local") || o.Lookup.By.From == "email_local", "fields", fail)
	c := document.NewCompiler(document.Rules{
		Env: env, Fail: fail, Noun: "field", Domains: o.Domains, MaxNumber: f.maxNumber(),
		Lists: true, Lookup: transforms(secrets),
	})
	for _, name := range o.written() {
		field := o.Fields[name]
		c.Add("fields."+name, name, &field)
		a.names = append(a.names, name)
	}
	a.fields, a.attributes = c.Document(), c.Attributes()
	a.told = document.Told("fields", o.Fields, o.Omit, &o.Lookup.By)
}

// written are the names of the fields that are written, in order.
func (o *Options) written() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(o.Fields)), func(name string) bool { return slices.Contains(o.Omit, name) })
}

// bound are those of them that must stay as they were written.
func (o *Options) bound() []string {
	return slices.DeleteFunc(o.written(), func(name string) bool { return slices.Contains(o.AppMayChange, name) })
}

// checkNames checks the names of fields, and the lists of such names.
func (o *Options) checkNames(f *format, fail value.Fail) {
	all := strings.Join(slices.Sorted(maps.Keys(o.Fields)), ", ")
	for _, name := range o.Omit {
		if _, known := o.Fields[name]; !known {
			fail("omit", "%q is no field of this adapter; it has %s", name, all)
		}
	}
	for _, name := range o.AppMayChange {
		field, known := o.Fields[name]
		switch {
		case !known || slices.Contains(o.Omit, name):
			fail("app_may_change", "%q is no field of this adapter, and what the app itself puts into a session, it may change; the fields are %s", name, all)
		case !fixed(&field):
			fail("app_may_change", "%q is not the same for everybody, so an app that changes it could make somebody another person; only fields with const may be changed", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
		switch {
		case name == markerKey:
			fail("fields."+name, "is the key of the bridge's own marker; choose another name")
		case slices.Contains(f.reserved, name):
			fail("fields."+name, "is for %s itself to set; remove it", f.framework)
		}
	}
}

// fixed reports whether a field is the same for everybody.
func fixed(f *document.Field) bool {
	for _, inner := range f.Object {
		if !fixed(&inner) {
			return false
		}
	}
	for i := range f.List {
		if !fixed(&f.List[i]) {
			return false
		}
	}
	return f.Const != nil || f.Object != nil || f.List != nil
}

// looksUp reports whether a field, or one within it, is a column.
func looksUp(f document.Field) bool {
	return f.Lookup != "" || slices.ContainsFunc(f.List, looksUp) ||
		slices.ContainsFunc(slices.Collect(maps.Values(f.Object)), looksUp)
}

// transforms returns what can be made of a column, by the name in a field's "as".
func transforms(secrets []string) func(as string) (func(any) (any, error), []string) {
	return func(as string) (func(any) (any, error), []string) {
		switch as {
		case "django_auth_hash":
			return text(func(password string) (string, error) {
				return codec.DjangoAuthHash(secrets[0], password), nil
			}), nil
		case "devise_salt":
			return text(deviseSalt), nil
		}
		return nil, []string{"django_auth_hash", "devise_salt"}
	}
}

var errText = errors.New("the column holds no text")

func text(of func(string) (string, error)) func(any) (any, error) {
	return func(column any) (any, error) {
		v, is := column.(string)
		if !is {
			return nil, errText
		}
		return of(v)
	}
}

// bcryptSalt is how much of a bcrypt hash is its parameters and salt: "$2a$12$" and
// 22 characters.
const bcryptSalt = 29

var errBcrypt = errors.New("the column holds no bcrypt hash")

// deviseSalt is authenticatable_salt of Devise's DatabaseAuthenticatable
// (lib/devise/models/database_authenticatable.rb): a session ends when it changes.
func deviseSalt(hash string) (string, error) {
	if len(hash) < bcryptSalt || !strings.HasPrefix(hash, "$2") {
		return "", errBcrypt
	}
	return hash[:bcryptSalt], nil
}
