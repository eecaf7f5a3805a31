package server_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// fleet is two replicas before one desk and one shop. Browsers never see the cookies
// of either.
type fleet struct {
	t        *testing.T
	issuer   *verifiertest.Issuer
	desk     *desk
	replicas []*run
	client   *http.Client
	people   map[string]*person
}

const fleetConfig = `
[server]
listen        = "127.0.0.1:0"
admin_listen  = "127.0.0.1:0"
drain_timeout = "5s"

[issuer.pomerium]
public_key_file = KEY

[sessions]
SESSIONS

[adapter.desk]
kind    = "login"
cookies = ["desk"]
deliver = "upstream"
request = { method = "POST", path = "/login" }
success = { status = [303] }
logout  = { path = "/logout" }
[adapter.desk.header]
X-Desk-User = { from = "email", required = true }
X-Desk-Role = { from = "role" }

[adapter.shop]
kind    = "session"
codec   = "gorilla"
cookie  = "shop"
secrets = [{ file = SECRET }]
deliver = "upstream"
logout  = { path = "/logout" }
[adapter.shop.fields]
user = { from = "email", required = true }
role = { from = "role" }
`

const fleetApp = `
[app.APP]
host     = "APP.example.com"
upstream = "UPSTREAM"
adapter  = "APP"

[[app.APP.rule]]
role   = "admin"
groups = ["admins"]

[[app.APP.rule]]
role   = "user"
emails = ["*@example.com"]
`

// newFleet starts a replica for each table of sessions.
func newFleet(t *testing.T, tables ...string) *fleet {
	t.Helper()
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, issuer: issuer, desk: &desk{sessions: map[string]*deskSession{}, signIns: map[string]int{}}, people: map[string]*person{}}
	dir := t.TempDir()
	key, secret := filepath.Join(dir, "key.pem"), filepath.Join(dir, "shop.secret")
	put(t, key, string(issuer.PublicPEM()))
	put(t, secret, shopSecret)
	text := strings.NewReplacer("KEY", fmt.Sprintf("%q", key), "SECRET", fmt.Sprintf("%q", secret)).Replace(fleetConfig)
	for name, app := range map[string]http.Handler{"desk": f.desk, "shop": newShop()} {
		upstream := httptest.NewServer(app)
		t.Cleanup(upstream.Close)
		text += strings.NewReplacer("APP", name, "UPSTREAM", upstream.URL).Replace(fleetApp)
	}
	for _, table := range tables {
		f.replicas = append(f.replicas, start(t, echoRole, func(r *run) {
			r.overwrite(strings.Replace(text, "SESSIONS", table, 1))
		}))
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	f.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return f
}

// keyFile writes a key for sessions and returns it as the table has it.
func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sessions.key")
	put(t, path, rand.Text()+rand.Text())
	return fmt.Sprintf("{ file = %q }", path)
}

// person is somebody with a role, and what Pomerium says of them.
type person struct {
	name, email, role string
	assertions        map[string]string // by app
}

// person returns somebody who has signed in to Pomerium once.
func (f *fleet) person(name, role string) *person {
	id := name + " " + role
	if f.people[id] == nil {
		f.people[id] = &person{name: name, email: name + "@example.com", role: role}
		f.signsIn(f.people[id], name+"-sid")
	}
	return f.people[id]
}

// signsIn has Pomerium begin a session of the person, with an ID of its own.
func (f *fleet) signsIn(p *person, sessionID string) {
	var groups []string
	if p.role == "admin" {
		groups = []string{"admins"}
	}
	p.assertions = map[string]string{}
	for _, app := range []string{"desk", "shop"} {
		p.assertions[app] = f.issuer.Assertion(verifiertest.Claims{
			Audience: app + ".example.com", Subject: p.name + "-id", Email: p.email, SessionID: sessionID, Groups: groups,
		})
	}
}

func (f *fleet) ask(replica int, app, path string, p *person) (status int, text string, err error) {
	method := http.MethodGet
	if strings.HasPrefix(path, "/.ssobridge/") {
		method = http.MethodPost
	}
	q, err := http.NewRequestWithContext(context.WithoutCancel(f.t.Context()), method, "http://"+f.replicas[replica].addrs.Listen.String()+path, nil)
	if err != nil {
		return 0, "", err
	}
	q.Host = app + ".example.com"
	q.Header.Set("X-Pomerium-Jwt-Assertion", p.assertions[app])
	resp, err := f.client.Do(q)
	if err != nil {
		return 0, "", err
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if set := resp.Header["Set-Cookie"]; set != nil {
		f.t.Errorf("the browser is sent %d cookies of %s", len(set), app)
	}
	return resp.StatusCode, string(b), err
}

// sees asks an app who the person is, who is there for the nth time in one session.
func (f *fleet) sees(replica int, app string, p *person, visits int) {
	f.t.Helper()
	want := fmt.Sprintf("%s %s %d", p.email, p.role, visits)
	if status, text, err := f.ask(replica, app, "/", p); status != http.StatusOK || text != want || err != nil {
		f.t.Errorf("%s of replica %d: %d %q %v, want %q", app, replica, status, text, err, want)
	}
}

// meets is sees in whatever session.
func (f *fleet) meets(replica int, app string, p *person) {
	f.t.Helper()
	if status, text, err := f.ask(replica, app, "/", p); status != http.StatusOK || !p.is(text) || err != nil {
		f.t.Errorf("%s of replica %d takes %s %s for %d %q %v", app, replica, p.email, p.role, status, text, err)
	}
}

// is reports whether an app that says so takes somebody for the person.
func (p *person) is(text string) bool { return strings.HasPrefix(text, p.email+" "+p.role+" ") }

// gets asks for something of which the status says enough.
func (f *fleet) gets(replica int, app, path string, p *person, want int) {
	f.t.Helper()
	if status, text, err := f.ask(replica, app, path, p); status != want || err != nil {
		f.t.Errorf("%s%s of replica %d: %d %q %v, want %d", app, path, replica, status, text, err, want)
	}
}

// desk is an app that signs people in, by opaque sessions of which it knows whose they
// are.
type desk struct {
	mu       sync.Mutex
	sessions map[string]*deskSession
	signIns  map[string]int // by email
}

type deskSession struct {
	user, role string
	visits     int
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := ""
	if c, err := r.Cookie("desk"); err == nil {
		id = c.Value
	}
	s := d.sessions[id]
	switch {
	case r.URL.Path == "/login" && r.Method == http.MethodPost:
		s = &deskSession{user: r.Header.Get("X-Desk-User"), role: r.Header.Get("X-Desk-Role")}
		d.signIns[s.user]++
		d.give(w, s)
		w.Header().Set("Location", "/")
		w.WriteHeader(http.StatusSeeOther)
	case s == nil:
		http.Redirect(w, r, "/login", http.StatusFound)
	case r.URL.Path == "/logout":
		delete(d.sessions, id)
		http.SetCookie(w, &http.Cookie{Name: "desk", MaxAge: -1})
		_, _ = io.WriteString(w, "bye")
	case r.URL.Path == "/renew":
		delete(d.sessions, id)
		d.give(w, s)
		fallthrough
	default:
		s.visits++
		_, _ = fmt.Fprintf(w, "%s %s %d", s.user, s.role, s.visits)
	}
}

func (d *desk) give(w http.ResponseWriter, s *deskSession) {
	id := rand.Text()
	d.sessions[id] = s
	http.SetCookie(w, &http.Cookie{Name: "desk", Value: id, Path: "/", HttpOnly: true})
}

// restart makes the desk forget its sessions.
func (d *desk) restart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.sessions)
}

// signedIn is how often people have been.
func (d *desk) signedIn() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, each := range d.signIns {
		n += each
	}
	return n
}

// people is how many have signed in.
func (d *desk) people() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.signIns)
}

const shopSecret = "the shop's own secret, 32 bytes or more"

// newShop returns an app that believes a signed cookie, and writes to it each time.
func newShop() http.Handler {
	store := sessions.NewCookieStore([]byte(shopSecret))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "shop")
		user, _ := session.Values["user"].(string)
		if err != nil || user == "" {
			http.Error(w, "nobody", http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/logout" {
			session.Options.MaxAge = -1
		}
		visits, _ := session.Values["visits"].(float64)
		session.Values["visits"] = visits + 1
		if err := session.Save(r, w); err != nil {
			http.Error(w, "not saved", http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprintf(w, "%s %v %v", user, session.Values["role"], visits+1)
	})
}
