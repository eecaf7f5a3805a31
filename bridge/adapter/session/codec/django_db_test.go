package codec

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

func TestDjangoAuthHash(t *testing.T) {
	// User(password="pbkdf2_sha256$1$a$b").get_session_auth_hash() of Django 3.2.25.
	const want = "8abc88278e682fc1d9c1d3e004011f9a57f236dc150b59b3846b0b458798428c"
	if got := DjangoAuthHash(testSecret, "pbkdf2_sha256$1$a$b"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestDjangoDBOptions(t *testing.T) {
	_, err := NewDjangoDB(DjangoDBOptions{Secrets: []string{testSecret}, Dialect: "sqlite"})
	want := "dialect: \"sqlite\"; want \"postgres\", or \"mysql\" for MySQL and MariaDB\nno database"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if option := (*adapter.OptionError)(nil); !errors.As(err, &option) {
		t.Errorf("%T", err)
	}
	c, err := NewDjangoDB(DjangoDBOptions{Secrets: []string{testSecret}, Dialect: DialectMySQL, DB: &sql.DB{}})
	if err != nil || c.Names()[0] != "sessionid" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestRealDjangoOnPostgres(t *testing.T) {
	t.Parallel()
	testDjangoDB(t, startPostgres(t))
}

func TestRealDjangoOnMariaDB(t *testing.T) {
	t.Parallel()
	testDjangoDB(t, startMariaDB(t))
}

func (s djangoDatabase) codec(tb testing.TB, o DjangoDBOptions) Codec {
	tb.Helper()
	o.DB, o.Dialect = s.db, s.dialect
	if o.Secrets == nil {
		o.Secrets = []string{testSecret}
	}
	c, err := NewDjangoDB(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func testDjangoDB(t *testing.T, s djangoDatabase) {
	t.Helper()
	peer, stored := startDjango(t, "db", s.settings, s.modules, s.install)
	c := s.codec(t, DjangoDBOptions{})
	t.Run("signs in", func(t *testing.T) { testRealDjango(t, peer, stored, c) })
	t.Run("expires", func(t *testing.T) { testDjangoDBExpires(t, peer, s, c) })
	t.Run("expires in Tokyo", func(t *testing.T) {
		s := s
		if s.inTokyo != nil {
			s.db = s.inTokyo
		}
		peer, _ := startDjango(t, "db", s.settings, s.modules, s.install, "local")
		testDjangoDBExpires(t, peer, s, s.codec(t, DjangoDBOptions{}))
	})
	t.Run("ends", func(t *testing.T) { testDjangoDBEnds(t, peer, djangoSignedIn(testSecret, stored), c) })
	t.Run("keys", func(t *testing.T) { testDjangoDBKeys(t, s, c) })
	t.Run("rows", func(t *testing.T) { testDjangoDBRows(t, s, c) })
	t.Run("large", func(t *testing.T) { testDjangoDBLarge(t, peer, c) })
	t.Run("rotation", func(t *testing.T) { testDjangoDBSecrets(t, s, c) })
	t.Run("at once", func(t *testing.T) { testDjangoDBAtOnce(t, c) })
	t.Run("fails", func(t *testing.T) { testDjangoDBFails(t, s, c) }) // closes it
}

// testDjangoDBExpires: app and codec agree on when a row ends, to the second, and
// whatever the time zones.
func testDjangoDBExpires(t *testing.T, peer *pyPeer, s djangoDatabase, byDefault Codec) {
	now := time.Now().Truncate(time.Second)
	hour := s.codec(t, DjangoDBOptions{MaxAge: time.Hour})
	for c, ends := range map[Codec]time.Time{byDefault: now.Add(djangoMaxAge), hour: now.Add(time.Hour)} {
		for _, expires := range []time.Time{{}, now.Add(10 * time.Minute).In(time.FixedZone("", -5*3600))} {
			cookies, err := c.Encode(t.Context(), Data{"a": "b"}, Times{Now: now, Expires: expires})
			if err != nil {
				t.Fatal(err)
			}
			if !expires.IsZero() {
				ends = expires
			}
			for at, want := range map[time.Time]bool{now: true, ends.Add(-time.Second): true, ends: false, ends.Add(time.Second): false} {
				asked := pyAsked{Cookies: []string{"sessionid=" + cookies["sessionid"]}, Now: at.Unix()}
				theirs := len(peer.visit(t, asked)[0].data(t)) > 0
				_, err := c.Decode(t.Context(), cookies, Times{Now: at})
				if ours := err == nil; ours != want || theirs != want {
					t.Errorf("%s before the end: Django %t, the codec %t; want %t", ends.Sub(at), theirs, ours, want)
				}
				if err != nil && !errors.Is(err, ErrForeign) {
					t.Error(err)
				}
			}
		}
	}
}

func testDjangoDBEnds(t *testing.T, peer *pyPeer, d Data, c Codec) {
	now := time.Now()
	cookies, other := mustEncode(t, c, d, now), mustEncode(t, c, d, now)
	end := c.(Ender).End
	for _, none := range []Cookies{{}, {"sessionid": ""}, {"sessionid": "%"}, {"sessionid": strings.Repeat("a", 32)}} {
		if err := end(t.Context(), none); err != nil {
			t.Errorf("%v: %v", none, err)
		}
	}
	if a := peer.visitOne(t, cookies, ""); a.name() != "ann" {
		t.Fatalf("signed in as %q", a.name())
	}
	for range 2 { // once more is no error
		if err := end(t.Context(), cookies); err != nil {
			t.Fatal(err)
		}
	}
	wantForeign(t, c, cookies, now)
	if a := peer.visitOne(t, cookies, ""); a.name() != "" {
		t.Errorf("signed in as %q", a.name())
	}
	if a := peer.visitOne(t, other, ""); a.name() != "ann" {
		t.Errorf("the other session: %q", a.name())
	}
	// And one that the app ends.
	peer.visitOne(t, other, "session.flush()")
	wantForeign(t, c, other, now)
}

func testDjangoDBKeys(t *testing.T, s djangoDatabase, c Codec) {
	now, seen := time.Now(), map[string]bool{}
	for i := range 20 {
		key := mustEncode(t, c, Data{"a": "b"}, now)["sessionid"]
		if !regexp.MustCompile(`^[a-z0-9]{32}$`).MatchString(key) || seen[key] {
			t.Errorf("%q", key)
		}
		seen[key] = true
		if i > 1 {
			continue
		}
		for bad := range tampered(key) {
			wantForeign(t, c, Cookies{"sessionid": bad}, now)
		}
		wantForeign(t, c, Cookies{"sessionid": strings.ToUpper(key)}, now)
		wantForeign(t, c, Cookies{"session": key}, now)
		wantForeign(t, s.codec(t, DjangoDBOptions{Secrets: []string{"another"}}), Cookies{"sessionid": key}, now)
		wantForeign(t, s.codec(t, DjangoDBOptions{Salt: "django.contrib.sessions.Mine"}), Cookies{"sessionid": key}, now)
		wantForeign(t, s.codec(t, DjangoDBOptions{Cookie: "other"}), Cookies{"sessionid": key}, now)
	}
	for _, attack := range []string{"' OR ''='", "x' OR session_key LIKE '%", strings.Repeat("%", 32), strings.Repeat("_", 32), "\\"} {
		wantForeign(t, c, Cookies{"sessionid": attack}, now)
	}
}

// testDjangoDBRows: whoever can only write to the table signs nobody in.
func testDjangoDBRows(t *testing.T, s djangoDatabase, c Codec) {
	now := time.Now()
	cookies := mustEncode(t, c, Data{"a": "b"}, now)
	d := c.(*djangoDB)
	valid, err := d.signer.dumps(Data{"a": "b"}, now)
	if err != nil {
		t.Fatal(err)
	}
	inCookie := mustEncode(t, pyFormats[2].must(t, testSecret), Data{"a": "b"}, now)["sessionid"]
	old, err := d.signer.dumps(Data{"a": "old"}, now.Add(-1000*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	long, err := d.signer.sign("."+strings.Repeat("A", MaxUnpacked), now)
	if err != nil {
		t.Fatal(err)
	}
	set := func(text string) {
		t.Helper()
		query := map[string]string{
			DialectPostgres: "UPDATE django_session SET session_data = $1 WHERE session_key = $2",
			DialectMySQL:    "UPDATE django_session SET session_data = ? WHERE session_key = ?",
		}[s.dialect]
		if _, err := s.db.ExecContext(t.Context(), query, text, cookies["sessionid"]); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", ":", "{}", "zoë", valid[1:], valid + "A", inCookie, long} {
		set(text)
		wantForeign(t, c, cookies, now)
	}
	for _, text := range []string{valid, old} { // db.py does not look at the stamp
		set(text)
		mustDecode(t, c, cookies, now)
	}
}

func testDjangoDBLarge(t *testing.T, peer *pyPeer, c Codec) {
	now := time.Now()
	for _, d := range []Data{{"noise": noise(50000)}, {"text": strings.Repeat("a", MaxUnpacked-20)}} {
		cookies := mustEncode(t, c, d, now)
		a := peer.visitOne(t, cookies, "session['more'] = 1")
		pyWantSession(t, d, a)
		d["more"] = int64(1)
		if diff := cmp.Diff(d, mustDecode(t, c, cookies, now)); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := c.Encode(t.Context(), Data{"noise": noise(MaxUnpacked - 20)}, Times{Now: now}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("what has no room once it is encoded: %v", err)
	}
	// What the app makes larger than what is read.
	cookies := mustEncode(t, c, Data{}, now)
	peer.visitOne(t, cookies, "session['a'] = 'a' * 300000")
	wantForeign(t, c, cookies, now)
	peer.visitOne(t, cookies, "import secrets; session['a'] = secrets.token_hex(1000000)")
	wantForeign(t, c, cookies, now)
}

func testDjangoDBSecrets(t *testing.T, s djangoDatabase, before Codec) {
	now := time.Now()
	both := s.codec(t, DjangoDBOptions{Secrets: []string{"the new secret", testSecret}})
	mustDecode(t, both, mustEncode(t, before, Data{"a": "b"}, now), now)
	wantForeign(t, before, mustEncode(t, both, Data{"a": "b"}, now), now)
}

func testDjangoDBAtOnce(t *testing.T, c Codec) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			d := Data{"n": int64(i)}
			for range 10 {
				cookies, err := c.Encode(t.Context(), d, Times{Now: time.Now()})
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := c.Decode(t.Context(), cookies, Times{Now: time.Now()}); err != nil || got["n"] != d["n"] {
					t.Errorf("%v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

// testDjangoDBFails: a database that fails says nothing of whose a session is.
func testDjangoDBFails(t *testing.T, s djangoDatabase, c Codec) {
	cookies := mustEncode(t, c, Data{"a": "b"}, time.Now())
	try := func(ctx context.Context) {
		t.Helper()
		_, encode := c.Encode(ctx, Data{}, Times{Now: time.Now()})
		_, decode := c.Decode(ctx, cookies, Times{Now: time.Now()})
		for _, err := range []error{encode, decode, c.(Ender).End(ctx, cookies)} {
			if err == nil || errors.Is(err, ErrForeign) || strings.Contains(err.Error(), cookies["sessionid"]) {
				t.Errorf("%v", err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	try(ctx)
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	try(t.Context())
}

func BenchmarkDjangoDB(b *testing.B) {
	s := startPostgres(b)
	const table = `CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date timestamptz NOT NULL)`
	if _, err := s.db.ExecContext(b.Context(), table); err != nil {
		b.Fatal(err)
	}
	c := s.codec(b, DjangoDBOptions{})
	now, d := time.Now(), Data{"_auth_user_id": "42", "_ssobridge": "1700003600." + noise(43)}
	cookies := mustEncode(b, c, d, now)
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			mustEncode(b, c, d, now)
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			mustDecode(b, c, cookies, now)
		}
	})
}
