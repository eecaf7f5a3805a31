package server_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/ssobridge/ssobridge/bridge/session/store/storetest"
)

// vandal can write to a Redis, and has read all of it.
type vandal struct {
	f      *fleet
	redis  *storetest.Server
	client *redis.Client
	rounds int
}

// theirs has a new Ann and a new Bob sign in to both apps, and returns what is kept.
func (v *vandal) theirs() (ann, demoted, bob *person, kept map[string]string) {
	v.f.t.Helper()
	v.redis.Do("FLUSHALL")
	v.rounds++
	name := func(name string) string { return fmt.Sprintf("%s-%d", name, v.rounds) }
	ann, demoted, bob = v.f.person(name("ann"), "admin"), v.f.person(name("ann"), "user"), v.f.person(name("bob"), "user")
	v.everywhere(ann, bob)
	kept = v.read()
	if len(kept) != 4 {
		v.f.t.Fatalf("two people in two apps have %d sessions", len(kept))
	}
	return ann, demoted, bob, kept
}

func (v *vandal) read() map[string]string {
	all := map[string]string{}
	for _, key := range v.client.Keys(context.Background(), "*").Val() {
		all[key] = v.client.Get(context.Background(), key).Val()
		for _, word := range []string{"ann", "desk", "shop", "cookies"} {
			if strings.Contains(key+all[key], word) {
				v.f.t.Errorf("%q can be read in %q", word, key+all[key])
			}
		}
	}
	return all
}

func (v *vandal) write(all map[string]string) {
	v.f.t.Helper()
	for key, value := range all {
		if err := v.client.Set(context.Background(), key, value, 0).Err(); err != nil {
			v.f.t.Fatal(err)
		}
	}
}

// everywhere has people meet both apps by both replicas, of which now one is the first
// to look, now the other.
func (v *vandal) everywhere(people ...*person) {
	v.f.t.Helper()
	for i := range 4 {
		for _, p := range people {
			v.f.meets((i+v.rounds)%2, []string{"desk", "shop"}[i/2], p)
		}
	}
}

// TestStrangerWritesToRedis: whoever can write there, and has read all of it, makes
// nobody somebody else, and gives nobody a role back.
func TestStrangerWritesToRedis(t *testing.T) {
	server := storetest.Start(t)
	table := inRedis(server, keyFile(t))
	f := newFleet(t, table, table)
	v := &vandal{f: f, redis: server, client: server.Client()}
	defer func() { _ = v.client.Close() }()

	for by := 1; by < 4; by++ {
		ann, _, bob, kept := v.theirs()
		keys := slices.Sorted(maps.Keys(kept))
		moved := map[string]string{}
		for i, key := range keys {
			moved[keys[(i+by)%4]] = kept[key]
		}
		v.write(moved)
		v.everywhere(ann, bob)
	}
	changes := []func(string) string{
		func(text string) string { return text + "x" },
		func(string) string { return rand.Text() },
		func(string) string { return strings.Repeat("x", 200<<10) },
		func(string) string {
			return `{"id":"x","bond":"","expires":4102444800,"cookies":{"desk":"x","shop":"x"}}`
		},
	}
	for n := range 12 {
		changes = append(changes,
			func(text string) string { return text[:len(text)*n/12] },
			func(text string) string {
				flipped := []byte(text)
				flipped[min(n*n, len(text)-1)] ^= 0x40 // version, key ID, nonce, and what is encrypted
				return string(flipped)
			})
	}
	for _, change := range changes {
		ann, _, bob, kept := v.theirs()
		for key, value := range kept {
			kept[key] = change(value)
		}
		v.write(kept)
		v.everywhere(ann, bob)
	}
	_, demoted, bob, asAdmin := v.theirs()
	v.everywhere(demoted)
	v.write(asAdmin)
	v.everywhere(demoted, bob)
	asUser := v.read()
	for _, app := range []string{"desk", "shop"} {
		f.gets(0, app, "/.ssobridge/sign_out", demoted, http.StatusSeeOther)
	}
	v.write(asUser)
	f.gets(0, "desk", "/", demoted, http.StatusUnauthorized)
	f.signsIn(demoted, "another session")
	v.everywhere(demoted, bob)

	for i, r := range f.replicas {
		if _, text := r.admin("/metrics"); !regexp.MustCompile(`ssobridge_session_store_unreadable_total [1-9]`).MatchString(text) {
			t.Errorf("replica %d counts none that cannot be read", i)
		}
	}
}
