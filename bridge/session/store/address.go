package store

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// InMemory is the address of no server: sessions are kept in the process.
const InMemory = "memory"

// Address says where a Redis is.
type Address struct {
	// Hosts are "host:port", or the path of one Unix socket.
	Hosts []string
	// TLS: connections are encrypted.
	TLS bool
	// Cluster: the hosts are some of a cluster's.
	Cluster bool
	// Master is the name under which the hosts, which are Sentinels, know the server
	// to use; empty: they are no Sentinels.
	Master string
	// DB is the number of the database.
	DB int
}

// Examples are addresses of all forms.
const Examples = `"redis://127.0.0.1:6379", "rediss://redis.example.com:6379", ` +
	`"rediss+sentinel://s1.example.com,s2.example.com/mymaster" or "rediss+cluster://c1.example.com,c2.example.com"`

const maxDB = 1 << 20

var (
	errCredentials = errors.New(`an address has no user name or password here: write username, and password = { file = "..." }`)
	errOptions     = errors.New("an address has no options (?...) here: remove them; the table has keys for what can be set")
)

// ParseAddress reads an address. Schemes that begin with "rediss" are those of TLS.
//
//	redis://host:6379/0
//	redis+sentinel://host1:26379,host2/mastername/0
//	redis+cluster://host1:6379,host2
//	unix:///run/redis/redis.sock
//
// Its errors say what would be right, and quote nothing that may be a password.
func ParseAddress(text string) (Address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case strings.Contains(text, "@"):
		return Address{}, errCredentials
	case strings.ContainsAny(text, "?#"):
		return Address{}, errOptions
	case !ok:
		return Address{}, fmt.Errorf("%q is no address: write %q, or such as %s", text, InMemory, Examples)
	case scheme == "unix":
		return parseSocket(rest)
	}
	a := Address{TLS: strings.HasPrefix(scheme, "rediss")}
	hosts, path, slash := strings.Cut(rest, "/")
	port, err := "6379", error(nil)
	switch scheme {
	case "redis", "rediss":
		a.DB, err = parseDB(path)
		if strings.Contains(hosts, ",") {
			err = fmt.Errorf("several hosts are a cluster, %s+cluster://, or Sentinels, %s+sentinel://: write which", scheme, scheme)
		}
	case "redis+sentinel", "rediss+sentinel":
		port = "26379"
		err = a.parseMaster(path)
	case "redis+cluster", "rediss+cluster":
		a.Cluster = true
		if slash && path != "" {
			err = errors.New("a cluster has one database only: remove what follows the hosts")
		}
	default:
		err = fmt.Errorf("%q is no scheme of a session store: write such as %s", scheme, Examples)
	}
	if err != nil {
		return Address{}, err
	}
	a.Hosts, err = parseHosts(hosts, port)
	return a, err
}

func parseSocket(path string) (Address, error) {
	if !strings.HasPrefix(path, "/") || len(path) < 2 {
		return Address{}, errors.New("a socket has an absolute path: write such as unix:///run/redis/redis.sock")
	}
	return Address{Hosts: []string{path}}, nil
}

func parseDB(path string) (int, error) {
	if path == "" {
		return 0, nil
	}
	db, err := strconv.Atoi(path)
	if err != nil || db < 0 || db > maxDB {
		return 0, fmt.Errorf("%q is no number of a database: write such as /0, or nothing, after the host", path)
	}
	return db, nil
}

func (a *Address) parseMaster(path string) (err error) {
	master, db, _ := strings.Cut(path, "/")
	if master == "" || strings.ContainsFunc(master, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("what Sentinels watch has a name: write it after the hosts, such as /mymaster")
	}
	a.Master = master
	a.DB, err = parseDB(db)
	return err
}

func parseHosts(list, port string) ([]string, error) {
	var hosts []string
	for host := range strings.SplitSeq(list, ",") {
		full, err := parseHost(host, port)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(hosts, full) {
			hosts = append(hosts, full)
		}
	}
	return hosts, nil
}

func parseHost(text, port string) (string, error) {
	host := text
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	} else if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		host = text[1 : len(text)-1]
	}
	number, err := strconv.ParseUint(port, 10, 16)
	_, ipErr := netip.ParseAddr(host)
	isName := host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if err != nil || number == 0 || ipErr != nil && !isName {
		return "", fmt.Errorf("%q is no host: write such as \"redis.example.com:6379\", several with a comma between them", text)
	}
	return net.JoinHostPort(host, port), nil
}

// Local reports whether it is on this machine, whatever DNS says. Where the servers
// of a cluster, or those that Sentinels know, are is said by them.
func (a Address) Local() bool {
	return !a.Cluster && a.Master == "" && !slices.ContainsFunc(a.Hosts, func(host string) bool {
		if strings.HasPrefix(host, "/") {
			return false
		}
		host, _, _ = net.SplitHostPort(host)
		if address, err := netip.ParseAddr(host); err == nil {
			return !address.Unmap().IsLoopback()
		}
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		return host != "localhost" && !strings.HasSuffix(host, ".localhost")
	})
}
