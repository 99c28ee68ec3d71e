package publishertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a certificate authority that lives as long as its test.
type CA struct {
	Cert *x509.Certificate
	PEM  []byte
	key  *ecdsa.PrivateKey
}

// Pair is an issued certificate with its key, ECDSA on P-256.
type Pair struct {
	Cert, Key []byte          // PEM
	TLS       tls.Certificate // the same, parsed
}

// NewCA makes an authority whose certificate is valid from an hour ago until in a year, by the clock of package time.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial(t),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"Pinhole test"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(1, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("make CA %s: %v", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("make CA %s: %v", name, err)
	}
	return &CA{Cert: cert, PEM: encode("CERTIFICATE", der), key: key}
}

// Pool returns a pool with this authority alone.
func (ca *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.Cert)
	return p
}

// Server issues a certificate for a server with these names and addresses. change, if not nil, may alter the certificate before
// it is signed.
func (ca *CA) Server(t testing.TB, change func(*x509.Certificate), names ...string) Pair {
	t.Helper()
	return ca.issue(t, func(c *x509.Certificate) {
		c.Subject.CommonName = "server"
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, n := range names {
			if ip := net.ParseIP(n); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, n)
			}
		}
		if change != nil {
			change(c)
		}
	})
}

// Client issues a certificate for a device of that name.
func (ca *CA) Client(t testing.TB, name string) Pair {
	t.Helper()
	return ca.issue(t, func(c *x509.Certificate) {
		c.Subject.CommonName = name
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

func (ca *CA) issue(t testing.TB, change func(*x509.Certificate)) Pair {
	t.Helper()
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(t),
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(0, 1, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	change(template)
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Cert, &key.PublicKey, ca.key)
	if err != nil {
		t.Fatalf("issue certificate: %v", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("issue certificate: %v", err)
	}
	p := Pair{Cert: encode("CERTIFICATE", der), Key: encode("PRIVATE KEY", secret)}
	if p.TLS, err = tls.X509KeyPair(p.Cert, p.Key); err != nil {
		t.Fatalf("issue certificate: %v", err)
	}
	return p
}

// Files writes the pair as NAME.crt and NAME.key, the key for the owner alone, and returns both paths.
func (p Pair) Files(t testing.TB, folder, name string) (cert, key string) {
	t.Helper()
	return WriteFile(t, folder, name+".crt", p.Cert), WriteFile(t, folder, name+".key", p.Key)
}

// WriteFile writes a file with mode 0600 and returns its path.
func WriteFile(t testing.TB, folder, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make key: %v", err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatalf("make serial number: %v", err)
	}
	return n
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
