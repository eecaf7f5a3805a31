package sso

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// guacamole is what Guacamole's extension guacamole-auth-json reads. It has no
// question: people come by a link, and bring back who they are together with all
// connections that they may open there (UserDataService.java, doc/README.md there).
var guacamole = protocol{
	// Guacamole's pages read the parameter behind the "#", which browsers send to no
	// server, so that no log has it.
	returnPath: "/", subject: "username", source: "email",
	check: func(name string) string {
		if name != "username" {
			return "is nothing that Guacamole reads of a person, which is username"
		}
		return ""
	},
	connects: true, makeSecret: makeGuacamole, open: openGuacamole,
}

// makeGuacamole is the command that makes a key of AES-128.
const makeGuacamole = "openssl rand -hex 16"

// The session that data begins has its connections until the data expires, so it is
// for a working day. That is also how long it could be used, were it not for once.
const (
	defaultGuacamoleLifetime = 8 * time.Hour
	minGuacamoleLifetime     = time.Minute
	maxGuacamoleLifetime     = 24 * time.Hour
)

// maxGuacamoleJSON bounds the data: an answer's headers have room for about twice as
// much (Envoy's 60 KiB), and base64 and "%" make half as much again of it.
const maxGuacamoleJSON = 24 << 10

var errManyConnections = errors.New("their connections are more than an address has room for")

// guacamoleData is UserData.java's. Jackson refuses members that it does not know.
type guacamoleData struct {
	Username string `json:"username"`
	// Expires is in milliseconds.
	Expires int64 `json:"expires"`
	// SingleUse: Guacamole remembers the signature until it expires.
	SingleUse   bool                       `json:"singleUse"`
	Connections map[string]json.RawMessage `json:"connections"`
}

func openGuacamole(o *Options, secret string, env adapter.Env, back *url.URL, fail value.Fail) answerer {
	o.onlyForJWT(fail)
	if o.Lifetime != 0 && (o.Lifetime < minGuacamoleLifetime || o.Lifetime > maxGuacamoleLifetime) {
		fail("lifetime", `%s is not between a minute and a day; it is how long the connections are there, and "8h" is a working day`, o.Lifetime)
	}
	connections := o.openConnections(env, fail)
	if !env.ReadSecrets {
		return nil
	}
	key, err := hex.DecodeString(secret)
	if err != nil || len(key) != aes.BlockSize || strings.ToLower(secret) != secret {
		fail("secret", "is not 32 hexadecimal digits in lower case, as json-secret-key is: `%s` makes one", makeGuacamole)
		return nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		fail("secret", "%v", err)
		return nil
	}
	lifetime := cmp.Or(o.Lifetime, defaultGuacamoleLifetime)
	return func(in *adapter.Input, _ url.Values, all []said) (adapter.Output, error) {
		data := guacamoleData{Expires: in.Time.Add(lifetime).UnixMilli(), SingleUse: true, Connections: map[string]json.RawMessage{}}
		for _, s := range all {
			switch s.field.name {
			case "username":
				data.Username = s.values[0]
			case connectionsField:
				for _, name := range s.values {
					data.Connections[name] = connections[name]
				}
			}
		}
		text, err := json.Marshal(data)
		if err != nil {
			return adapter.Output{}, fmt.Errorf("writing the data: %w", err)
		}
		if len(text) > maxGuacamoleJSON {
			return adapter.Output{}, fmt.Errorf("%w: %w", adapter.ErrUnsendable, errManyConnections)
		}
		return adapter.Output{
			Redirect: back.String() + "#/?data=" + url.QueryEscape(sealGuacamole(block, key, text)),
			// Guacamole keeps whose session a browser has in the browser's storage, and
			// whoever has one stays who they are, whatever data they bring.
			ForgetStorage: true,
		}, nil
	}
}

// sealGuacamole signs text and encrypts both, as encrypt-json.sh does: AES-128 in CBC
// mode with PKCS #7 padding, under the key that signs. The IV is zero; as the
// signature stands in the first two blocks, no two texts begin alike.
func sealGuacamole(block cipher.Block, key, text []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	plain := append(mac.Sum(nil), text...)
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(plain, plain) //nolint:gosec // G407: Guacamole's, see above
	return base64.StdEncoding.EncodeToString(plain)
}

// Connection is one that people may open in Guacamole.
type Connection struct {
	// Protocol is "kubernetes", "rdp", "ssh", "telnet" or "vnc".
	Protocol string `toml:"protocol"`
	// Parameters are those of the protocol, by Guacamole's names, such as hostname.
	// "${GUAC_USERNAME}" in one is who opens it.
	Parameters map[string]string `toml:"parameters"`
	// Secrets are parameters that do not stand in the file, such as password.
	Secrets map[string]adapter.Password `toml:"secrets"`
	// Roles are those that see it; of several roles that somebody has, one is enough.
	Roles []string `toml:"roles"`
}

// connectionsField is what people are shown of connections: their names.
const connectionsField = "connections"

var guacamoleProtocols = []string{"kubernetes", "rdp", "ssh", "telnet", "vnc"}

// guacamoleSecrets are the parameters that let people in elsewhere, of the protocols
// above (guacamole-ext/.../protocols/*.json), also behind "sftp-" and "gateway-".
var guacamoleSecrets = []string{"client-key", "passphrase", "password", "private-key"}

// openConnections checks the connections, and returns them as Guacamole reads them.
func (o *Options) openConnections(env adapter.Env, fail value.Fail) map[string]json.RawMessage {
	all := make(map[string]json.RawMessage, len(o.Connections))
	for _, name := range slices.Sorted(maps.Keys(o.Connections)) {
		c, key := o.Connections[name], "connections."+name
		if value.HasControl(name) || strings.TrimSpace(name) != name || name == "" {
			fail(key, "the name is empty, or has control characters or white space around it")
		}
		c.check(key, env, fail)
		parameters := maps.Clone(c.Parameters)
		if parameters == nil {
			parameters = make(map[string]string, len(c.Secrets))
		}
		for _, secret := range slices.Sorted(maps.Keys(c.Secrets)) {
			text, err := c.Secrets[secret].Read(env)
			if err != nil {
				fail(key+".secrets."+secret, "%v", err)
			}
			if _, both := parameters[secret]; both {
				fail(key+".secrets."+secret, "is among parameters as well; keep one of them")
			}
			parameters[secret] = text
		}
		text, err := json.Marshal(struct {
			Protocol   string            `json:"protocol"`
			Parameters map[string]string `json:"parameters"`
		}{c.Protocol, parameters})
		if err != nil {
			fail(key, "cannot be written as JSON")
		}
		all[name] = text
	}
	if len(o.Connections) == 0 {
		fail("connections", `missing: say what people may open, such as [adapter.NAME.connections."Build server"] with protocol = "ssh", parameters = { hostname = "..." } and roles = ["..."]`)
	}
	o.checkSizes(all, env, fail)
	return all
}

// check checks one connection.
func (c *Connection) check(key string, env adapter.Env, fail value.Fail) {
	if !slices.Contains(guacamoleProtocols, c.Protocol) {
		fail(key+".protocol", "%q; choose one of %s", c.Protocol, strings.Join(guacamoleProtocols, ", "))
	}
	if c.Parameters["hostname"] == "" {
		fail(key+".parameters", `has no hostname; write parameters = { hostname = "..." }`)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		last := name
		for _, prefix := range []string{"sftp-", "gateway-"} {
			last = strings.TrimPrefix(last, prefix)
		}
		if slices.Contains(guacamoleSecrets, last) {
			fail(key+".parameters."+name, "does not stand in this file: write secrets = { %s = { file = \"...\" } } in place of it", name)
		}
	}
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(c.Parameters)), slices.Sorted(maps.Keys(c.Secrets))) {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || name == "" {
			fail(key, "%q is no parameter's name; write it as Guacamole does, such as hostname", name)
		}
	}
	if len(c.Roles) == 0 {
		fail(key+".roles", `missing: say which roles see it, such as roles = ["user"]`)
	}
	for i, role := range c.Roles {
		at := fmt.Sprintf("%s.roles[%d]", key, i+1)
		switch {
		case env.Roles != nil && !slices.Contains(env.Roles, role):
			fail(at, "%q is none of the adapter's roles, which are %s", role, strings.Join(env.Roles, ", "))
		case env.Roles == nil && env.Grants != nil && !slices.Contains(env.Grants.Roles, role):
			fail(at, "%q is no role that the app's rules grant, which are %s", role, strings.Join(env.Grants.Roles, ", "))
		}
	}
}

// checkSizes finds connections that are too many for one role, before anybody comes
// who has it.
func (o *Options) checkSizes(all map[string]json.RawMessage, env adapter.Env, fail value.Fail) {
	if env.Grants == nil {
		return
	}
	for _, role := range env.Grants.Roles {
		size := 0
		for name, c := range o.Connections {
			if slices.Contains(c.Roles, role) {
				size += len(name) + len(all[name])
			}
		}
		if size > maxGuacamoleJSON-1<<10 { // besides, there are a name and a few words
			fail("connections", "those that %q sees are %d bytes, and an address has room for %d: give fewer to one role", role, size, maxGuacamoleJSON-1<<10)
		}
	}
}

// connectionField is the field that says which connections somebody sees.
func (o *Options) connectionField() *field {
	names := slices.Sorted(maps.Keys(o.Connections))
	return &field{
		name: connectionsField, typ: "list",
		Reader: value.Reader{List: func(in *adapter.Input) ([]string, error) {
			seen := []string{}
			for _, name := range names {
				if slices.ContainsFunc(o.Connections[name].Roles, func(r string) bool { return slices.Contains(in.Decision.Roles, r) }) {
					seen = append(seen, name)
				}
			}
			return seen, nil
		}},
	}
}

// describeConnections lists the connections, for people to read.
func (o *Options) describeConnections() []adapter.Sent {
	var sent []adapter.Sent
	for _, name := range slices.Sorted(maps.Keys(o.Connections)) {
		c := o.Connections[name]
		sent = append(sent, adapter.Sent{
			In: "field", Name: connectionsField + "." + name, Role: true,
			Source: "always " + c.Protocol + " to " + c.Parameters["hostname"], How: []string{"for " + strings.Join(c.Roles, " or ")},
		})
	}
	return sent
}
