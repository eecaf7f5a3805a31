package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]Address{
		"redis://127.0.0.1":            {Hosts: []string{"127.0.0.1:6379"}},
		"redis://redis.example.com/":   {Hosts: []string{"redis.example.com:6379"}},
		"redis://redis:6380/15":        {Hosts: []string{"redis:6380"}, DB: 15},
		"rediss://[2001:db8::1]:6380":  {Hosts: []string{"[2001:db8::1]:6380"}, TLS: true},
		"redis://::1":                  {Hosts: []string{"[::1]:6379"}},
		"rediss://[::1]":               {Hosts: []string{"[::1]:6379"}, TLS: true},
		"redis+sentinel://s/my-master": {Hosts: []string{"s:26379"}, Master: "my-master"},
		"rediss+sentinel://s1,s2:1,s1:26379/m/3": {
			Hosts: []string{"s1:26379", "s2:1"}, TLS: true, Master: "m", DB: 3,
		},
		"redis+cluster://a,b:7000/":     {Hosts: []string{"a:6379", "b:7000"}, Cluster: true},
		"rediss+cluster://one":          {Hosts: []string{"one:6379"}, Cluster: true, TLS: true},
		"unix:///run/redis/redis.sock":  {Hosts: []string{"/run/redis/redis.sock"}},
		"redis://redis_1.internal:6379": {Hosts: []string{"redis_1.internal:6379"}},
	} {
		got, err := ParseAddress(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  `write "memory"`,
		"disk":                              `"disk" is no address: write "memory"`,
		"redis.example.com:6379":            "is no address",
		"http://redis.example.com":          `"http" is no scheme`,
		"REDIS://redis.example.com":         `"REDIS" is no scheme`,
		"redis://":                          `"" is no host`,
		"redis://:6379":                     `":6379" is no host`,
		"redis://host:0":                    "is no host",
		"redis://host:65536":                "is no host",
		"redis://host:port":                 "is no host",
		"redis://ho st":                     "is no host",
		"redis://host/x":                    "is no number of a database",
		"redis://host/-1":                   "is no number of a database",
		"redis://host/1/2":                  "is no number of a database",
		"redis://a,b":                       "redis+cluster://, or Sentinels, redis+sentinel://",
		"redis+sentinel://a,b":              "write it after the hosts, such as /mymaster",
		"redis+sentinel://a/my master":      "write it after the hosts",
		"redis+cluster://a,b/1":             "one database only",
		"redis+cluster://a,,b":              `"" is no host`,
		"redis://host?db=1":                 "has no options",
		"redis://host#x":                    "has no options",
		"rediss://host?skip_verify=true":    "has no options",
		"unix://redis.sock":                 "absolute path",
		"unix:///":                          "absolute path",
		"redis://:hunter2@host":             "no user name or password here",
		"redis://ann:hunter2@host/0":        "no user name or password here",
		"ann:hunter2@host":                  "no user name or password here",
		"redis+cluster://ann:hunter2@a,b":   "no user name or password here",
		"redis://host/0?password=hunter2":   "has no options",
		"redis://ann:hunter2/x@host":        "no user name or password here",
		"redis+sentinel://ann:hunter2@a/m?": "no user name or password here",
	} {
		a, err := ParseAddress(text)
		if err == nil || !strings.Contains(err.Error(), want) || a.Hosts != nil {
			t.Errorf("%q: %v, %v, want %q", text, a, err, want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error quotes the password: %v", text, err)
		}
	}
}

func TestLocal(t *testing.T) {
	for text, want := range map[string]bool{
		"redis://127.0.0.1":           true,
		"redis://127.9.9.9:1":         true,
		"redis://[::1]":               true,
		"redis://[::ffff:127.0.0.1]":  true,
		"redis://localhost":           true,
		"redis://redis.LOCALHOST":     true,
		"unix:///run/redis.sock":      true,
		"redis://10.0.0.1":            false,
		"redis://0.0.0.0":             false,
		"redis://localhost.evil.test": false,
		"redis://redis":               false,
		// They say themselves where the servers are.
		"redis+sentinel://127.0.0.1/m": false,
		"redis+cluster://127.0.0.1":    false,
	} {
		a, err := ParseAddress(text)
		if err != nil || a.Local() != want {
			t.Errorf("%s: %v, %v", text, a.Local(), err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{
		"redis://127.0.0.1:6379/0", "rediss+sentinel://s1,s2:1/m/3", "redis+cluster://a,b", "unix:///run/s", "redis://[::1]", "memory",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err == nil && (len(a.Hosts) == 0 || a.Cluster && a.Master != "" || a.DB < 0) {
			t.Errorf("%q: %+v", text, a)
		}
		if err != nil && strings.Contains(text, "@") && len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
