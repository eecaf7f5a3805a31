package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/bridge/session/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startCluster runs a cluster of two servers.
func startCluster(t testing.TB) (first, second *storetest.Server) {
	t.Helper()
	one := func() *storetest.Server {
		return storetest.Start(t, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
	}
	first, second = one(), one()
	first.Do("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
	second.Do("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
	host, port, _ := net.SplitHostPort(second.Addr)
	first.Do("CLUSTER", "MEET", host, port)
	for _, s := range []*storetest.Server{first, second} {
		s.Until("join the cluster", func() bool {
			info := s.Do("CLUSTER", "INFO").(string)
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384")
		})
	}
	return first, second
}

// startSentinel runs a Sentinel that watches a server.
func startSentinel(t testing.TB, master *storetest.Server, lines ...string) *storetest.Server {
	t.Helper()
	addr, port := storetest.FreeAddr(t)
	dir := t.TempDir()
	host, masterPort, _ := net.SplitHostPort(master.Addr)
	config := filepath.Join(dir, "sentinel.conf")
	portKey := "port "
	if i := slices.Index(lines, "tls-port"); i >= 0 {
		lines[i], portKey = "port 0", "tls-port "
	}
	lines = append([]string{
		portKey + port, "bind 127.0.0.1", "dir " + dir,
		fmt.Sprintf("sentinel monitor mymaster %s %s 1", host, masterPort),
		"sentinel down-after-milliseconds mymaster 300",
		"sentinel failover-timeout mymaster 3000",
	}, lines...)
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return storetest.Run(t, addr, config, "--sentinel")
}

// authority makes certificates for 127.0.0.1, and files of them.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}
	a.cert, a.key = a.sign("ca", template, nil)
	return a
}

// sign writes NAME.pem and NAME.key.
func (a *authority) sign(name string, template *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent := a.cert
	if by == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(filepath.Join(a.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return cert, key
}

func (a *authority) issue(name string) tls.Certificate {
	a.t.Helper()
	a.sign(name, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.key)
	pair, err := tls.LoadX509KeyPair(a.file(name+".pem"), a.file(name+".key"))
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// serverArgs make a server speak TLS, and want a client certificate if it asks for one.
func (a *authority) serverArgs(askClients string) []string {
	a.issue("server")
	return []string{
		"--tls-port", "--tls-cert-file", a.file("server.pem"), "--tls-key-file", a.file("server.key"),
		"--tls-ca-cert-file", a.file("ca.pem"), "--tls-auth-clients", askClients,
	}
}
