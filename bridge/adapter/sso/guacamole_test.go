package sso

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
)

// The key of guacamole-auth-json's documentation.
const guacamoleKey = "4c0b569e4c96df157eee1b65dd0e4d41"

var desks = adapter.Env{App: "desks", Host: "desks.example.com", ReadSecrets: true}

func passwordOf(value string, err error) adapter.Password {
	return adapter.NewPassword(func() (string, error) { return value, err })
}

func guacamoleOptions() Options {
	return Options{
		Protocol: "guacamole", Secret: secretOf(guacamoleKey, nil),
		Connections: map[string]Connection{
			"Build server": {
				Protocol: "ssh", Parameters: map[string]string{"hostname": "build.internal", "username": "ops"},
				Secrets: map[string]adapter.Password{"password": passwordOf("hush", nil)}, Roles: []string{"ops", "admin"},
			},
			"Desk <1>": {Protocol: "rdp", Parameters: map[string]string{"hostname": "desk.internal", "username": "${GUAC_USERNAME}"}, Roles: []string{"user"}},
		},
	}
}

// readGuacamole reads an answer as Guacamole does (UserDataService.java).
func readGuacamole(address string) (map[string]any, error) {
	const start = "https://desks.example.com/#/?data="
	escaped, ours := strings.CutPrefix(address, start)
	if !ours {
		return nil, fmt.Errorf("%.40q does not begin with %s", address, start)
	}
	text, err := url.QueryUnescape(escaped)
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(data) < 48 || len(data)%16 != 0 {
		return nil, fmt.Errorf("%d bytes, %w", len(data), err)
	}
	key, _ := hex.DecodeString(guacamoleKey)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(data, data)
	data = data[:len(data)-int(data[len(data)-1])]
	mac := hmac.New(sha256.New, key)
	mac.Write(data[32:])
	if !hmac.Equal(mac.Sum(nil), data[:32]) {
		return nil, errors.New("signature")
	}
	var all map[string]any
	return all, json.Unmarshal(data[32:], &all)
}

// TestSealedAsOpensslDoes: by what encrypt-json.sh of guacamole-auth-json does,
// openssl dgst -sha256 -mac HMAC and openssl enc -aes-128-cbc -nosalt -a.
func TestSealedAsOpensslDoes(t *testing.T) {
	const (
		text = `{"username":"ann@example.com","expires":1801425600000,"singleUse":true,"connections":{"Build server":{"protocol":"ssh","parameters":{"hostname":"build.internal","password":"hush","username":"ops"}}}}`
		want = "oWbwu+NO/m3nMx7q5GAn7/sDYtm3fD/3kR/uX6U+Cu8c0z10FRRgExIXn0GZvM2+mYyPmMwds0KNycb+JihGYpm+wvsWlKTDo6rG6UD5FFMZ7X0/0yaiP9W7" +
			"husg3+KFZorNoUq6Ojc9TuwY7YkJw0D2zbt2/ASJK+crGg59yNCLljgcxD4VEG4LoQ1HOU9R1w7jsM4raH16unjRF+NpxDBvPz26RviuCbNrbBfMJrniFe9MaCsm" +
			"dbHJTouVk/TNXVSMWdQzdcPZnlKd8m40E5IeVdZIiFbAHwEM8rf5MoQ2i0RpkhZKyEO2ri/l7MEH"
	)
	in := asking(ann(), "ops", "")
	in.Principal.Email = "ann@example.com"
	o := guacamoleOptions()
	if got := answer(t, mustOpen(t, o, desks), in); got != "https://desks.example.com/#/?data="+url.QueryEscape(want) {
		got, err := readGuacamole(got)
		t.Errorf("%v, %v, want\n%s", got, err, text)
	}
}

// TestGuacamole: people see the connections of their roles, and no others.
func TestGuacamole(t *testing.T) {
	a := mustOpen(t, guacamoleOptions(), desks)
	build := map[string]any{"protocol": "ssh", "parameters": map[string]any{"hostname": "build.internal", "username": "ops", "password": "hush"}}
	desk := map[string]any{"protocol": "rdp", "parameters": map[string]any{"hostname": "desk.internal", "username": "${GUAC_USERNAME}"}}
	for _, tt := range []struct {
		roles []string
		want  map[string]any
	}{
		{[]string{"ops"}, map[string]any{"Build server": build}},
		{[]string{"admin"}, map[string]any{"Build server": build}},
		{[]string{"user"}, map[string]any{"Desk <1>": desk}},
		{[]string{"user", "ops"}, map[string]any{"Build server": build, "Desk <1>": desk}},
		{[]string{"auditor"}, map[string]any{}},
	} {
		in := asking(ann(), "", "data=mallory&username=mallory")
		in.Decision.Roles = tt.roles
		out, err := a.Adapt(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if !out.ForgetStorage {
			t.Error("who used the browser before stays who they are in Guacamole")
		}
		got, err := readGuacamole(out.Redirect)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"username": "Ann@example.com", "expires": float64(noon.Add(8 * time.Hour).UnixMilli()), "singleUse": true, "connections": tt.want,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.roles, diff)
		}
	}
	for _, text := range []string{"", " ", "a\nb"} { // "" is the anonymous user there
		in := asking(ann(), "ops", "")
		in.Principal.Email = text
		if out, err := a.Adapt(t.Context(), in); !errors.Is(err, adapter.ErrUnsendable) {
			t.Errorf("email %q: %q, %v", text, out.Redirect, err)
		}
	}
}

// TestGuacamoleShown: what people are shown has the connections, and no password.
func TestGuacamoleShown(t *testing.T) {
	o := guacamoleOptions()
	looking := desks
	looking.ReadSecrets = false
	unread := errors.New("is not to be read")
	o.Secret = secretOf("", unread)
	o.Connections["Build server"].Secrets["password"] = passwordOf("", unread)
	a := mustOpen(t, o, looking)
	fields, err := a.(adapter.SignIn).SignedFields(asking(ann(), "ops", ""))
	if diff := cmp.Diff(map[string][]string{"username": {"Ann@example.com"}, "connections": {"Build server"}}, fields); err != nil || diff != "" {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	if _, err := a.Adapt(t.Context(), asking(ann(), "ops", "")); err == nil {
		t.Error("an adapter that was opened to look at answers")
	}
	want := []adapter.Sent{
		{In: "address", Name: "/", Source: "a signed answer", How: []string{"encrypted, to whoever comes to /.ssobridge/sso", "good once, and for 8h"}},
		{In: "field", Name: "username", Source: "email", How: []string{"required"}},
		{In: "field", Name: "connections.Build server", Source: "always ssh to build.internal", How: []string{"for ops or admin"}, Role: true},
		{In: "field", Name: "connections.Desk <1>", Source: "always rdp to desk.internal", How: []string{"for user"}, Role: true},
	}
	if diff := cmp.Diff(want, o.Sends()); diff != "" {
		t.Errorf("sends (-want +got):\n%s", diff)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(verb, guacamoleOptions()); strings.Contains(text, "hush") {
			t.Errorf("%s prints a password", verb)
		}
	}
}

func TestGuacamoleProblems(t *testing.T) {
	const name = "connections.Build server"
	with := func(change func(*Options)) Options { o := guacamoleOptions(); change(&o); return o }
	connection := func(change func(*Connection)) Options {
		return with(func(o *Options) {
			c := o.Connections["Build server"]
			change(&c)
			o.Connections["Build server"] = c
		})
	}
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"a key in words", with(func(o *Options) { o.Secret = secretOf("0123456789abcdef0123456789abcdeg", nil) }), "secret: is not 32 hexadecimal digits in lower case, as json-secret-key is: `openssl rand -hex 16` makes one"},
		{"a key that is too long", with(func(o *Options) { o.Secret = secretOf(guacamoleKey+guacamoleKey, nil) }), "secret: is not 32 hexadecimal digits in lower case, as json-secret-key is: `openssl rand -hex 16` makes one"},
		{"another spelling of a key", with(func(o *Options) { o.Secret = secretOf(strings.ToUpper(guacamoleKey), nil) }), "secret: is not 32 hexadecimal digits in lower case, as json-secret-key is: `openssl rand -hex 16` makes one"},
		{"no key", with(func(o *Options) { o.Secret = adapter.Secret{} }), "secret: missing: say where the secret is that the app has too, such as { file = \"app.secret\" }; `openssl rand -hex 16` makes one"},
		{"no connections", with(func(o *Options) { o.Connections = nil }), `connections: missing: say what people may open, such as [adapter.NAME.connections."Build server"] with protocol = "ssh", parameters = { hostname = "..." } and roles = ["..."]`},
		{"a lifetime of a year", with(func(o *Options) { o.Lifetime = 365 * 24 * time.Hour }), `lifetime: 8760h0m0s is not between a minute and a day; it is how long the connections are there, and "8h" is a working day`},
		{"a field of a token", with(func(o *Options) { o.Fields = map[string]Field{"email": {From: "email"}} }), `fields.email: is nothing that Guacamole reads of a person, which is username`},
		{"options of tokens", with(func(o *Options) { o.Issuer, o.Send = "x", "form" }), "issuer: is for protocol = \"jwt\"; remove it\nsend: is for protocol = \"jwt\"; remove it"},
		{"a protocol that is none", connection(func(c *Connection) { c.Protocol = "spice" }), name + `.protocol: "spice"; choose one of kubernetes, rdp, ssh, telnet, vnc`},
		{"nowhere", connection(func(c *Connection) { c.Parameters = nil }), name + `.parameters: has no hostname; write parameters = { hostname = "..." }`},
		{"a password in the file", connection(func(c *Connection) {
			c.Parameters = map[string]string{"hostname": "x", "sftp-private-key": "hush"}
		}), name + `.parameters.sftp-private-key: does not stand in this file: write secrets = { sftp-private-key = { file = "..." } } in place of it`},
		{"a password twice", connection(func(c *Connection) {
			c.Secrets = map[string]adapter.Password{"username": passwordOf("ops", nil)}
		}), name + `.secrets.username: is among parameters as well; keep one of them`},
		{"a password that is not there", connection(func(c *Connection) {
			c.Secrets = map[string]adapter.Password{"password": passwordOf("", errors.New("no such file"))}
		}), name + `.secrets.password: no such file`},
		{"a parameter in capitals", connection(func(c *Connection) { c.Parameters["Port"] = "22" }), name + `: "Port" is no parameter's name; write it as Guacamole does, such as hostname`},
		{"for nobody", connection(func(c *Connection) { c.Roles = nil }), name + `.roles: missing: say which roles see it, such as roles = ["user"]`},
		{"too much", connection(func(c *Connection) { c.Parameters["command"] = strings.Repeat("x", 30<<10) }), `connections: those that "ops" sees are 30841 bytes, and an address has room for 23552: give fewer to one role`},
		{"connections of another protocol", with(func(o *Options) {
			*o = metabaseOptions()
			o.Connections = map[string]Connection{"x": {}}
		}), `connections: are for protocol = "guacamole"; remove them`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := desks
			env.Grants = &adapter.Grants{Roles: []string{"ops", "user"}}
			if tt.want != "" && !strings.Contains(tt.want, "roles") { // admin is granted nowhere
				env.Grants.Roles = append(env.Grants.Roles, "admin")
			}
			_, err := tt.o.Open(env)
			got := fmt.Sprint(err)
			if tt.name == "too much" {
				got, _, _ = strings.Cut(got, "\n") // admin sees as much
			}
			if got != tt.want {
				t.Errorf("%s, want\n%s", got, tt.want)
			}
		})
	}
	env := desks
	env.Grants = &adapter.Grants{Roles: []string{"ops", "user"}}
	want := name + `.roles[2]: "admin" is no role that the app's rules grant, which are ops, user`
	o := guacamoleOptions()
	if _, err := o.Open(env); fmt.Sprint(err) != want {
		t.Errorf("%v, want\n%s", err, want)
	}
	env.Roles = []string{"ops", "user"}
	if _, err := o.Open(env); fmt.Sprint(err) != name+`.roles[2]: "admin" is none of the adapter's roles, which are ops, user` {
		t.Errorf("%v", err)
	}
}

// TestGuacamoleTooMuch: people with so many roles that an address has no room are
// refused, and not sent a part.
func TestGuacamoleTooMuch(t *testing.T) {
	o := guacamoleOptions()
	in := asking(ann(), "", "")
	in.Decision.Roles = nil
	for i := range 40 {
		role := fmt.Sprint("role-", i)
		in.Decision.Roles = append(in.Decision.Roles, role)
		o.Connections[role] = Connection{Protocol: "ssh", Parameters: map[string]string{"hostname": strings.Repeat("x", 1000)}, Roles: []string{role}}
	}
	a := mustOpen(t, o, desks)
	if out, err := a.Adapt(t.Context(), in); !errors.Is(err, adapter.ErrUnsendable) || out.Redirect != "" {
		t.Errorf("%d bytes, %v", len(out.Redirect), err)
	}
	in.Decision.Roles = in.Decision.Roles[:10]
	if _, err := readGuacamole(answer(t, a, in)); err != nil {
		t.Error(err)
	}
}

// TestGuacamoleConformance: the suite, of the answers.
func TestGuacamoleConformance(t *testing.T) {
	adaptertest.Run(t, func(tb testing.TB) adapter.Adapter {
		tb.Helper()
		return asHeader{mustOpen(tb, guacamoleOptions(), desks), ""}
	}, adaptertest.Options{
		Role: "ops", OtherRole: "user",
		Read: func(_, address string) ([]adaptertest.Part, bool) {
			all, err := readGuacamole(address)
			if err != nil {
				panic(err)
			}
			names := adaptertest.Part{Name: "connections", IsList: true}
			for _, name := range []string{"Build server", "Desk <1>"} {
				if all["connections"].(map[string]any)[name] != nil {
					names.Values = append(names.Values, name)
				}
			}
			return []adaptertest.Part{names, {Name: "username", Values: []string{all["username"].(string)}}}, true
		},
	})
}
