package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Throw-away certificates live a year: long enough that a desk is not surprised, short enough that nobody builds on them.
const validity = 365 * 24 * time.Hour

// early is how far before the present a certificate is valid, for boards whose clock is behind.
const early = 24 * time.Hour

// authority signs the endpoint's and the device's certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(name string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"Pinhole lab"}},
		NotBefore: now.Add(-early), NotAfter: now.Add(10 * validity),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

func serialNumber() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

// leaf describes a certificate to issue.
type leaf struct {
	name          string
	hosts         []string // names and addresses; none: a client's certificate
	before, after time.Time
}

func (a *authority) issue(l leaf) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := serialNumber()
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: l.name}, NotBefore: l.before, NotAfter: l.after,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, h := range l.hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// The files of the lab's folder.
const (
	caFile     = "ca.pem"
	caKeyFile  = "ca.key"
	certFile   = "device.crt"
	keyFile    = "device.key"
	configFile = "pinhole.yaml"

	configHTTPS = "pinhole-https.yaml"
	configWSS   = "pinhole-wss.yaml"

	inspectionFile = "inspection.pem" // the authority of a TLS inspection
)

// identity loads the authority and the device's certificate from dir, and makes what is not there. What is there stays, so
// that a device keeps its identity when the lab starts again.
func identity(dir string, now time.Time) (*authority, error) {
	ca, err := loadAuthority(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, caFile)); err == nil {
			return nil, fmt.Errorf("%s has %s but not %s, which signs for it; remove both or choose another folder", dir, caFile, caKeyFile)
		}
		if ca, err = newAuthority("Pinhole lab CA", now); err == nil {
			err = saveAuthority(dir, ca)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lab authority in %s: %w", dir, err)
	}
	have := 0
	for _, name := range []string{certFile, keyFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			have++
		}
	}
	switch have {
	case 1:
		return nil, fmt.Errorf("%s has only one of %s and %s; remove it or choose another folder", dir, certFile, keyFile)
	case 0:
		cert, err := ca.issue(leaf{name: "pinhole-lab-device", before: now.Add(-early), after: now.Add(validity)})
		if err == nil {
			err = saveCertificate(filepath.Join(dir, certFile), filepath.Join(dir, keyFile), cert)
		}
		if err != nil {
			return nil, fmt.Errorf("device certificate in %s: %w", dir, err)
		}
	}
	return ca, nil
}

func loadAuthority(dir string) (*authority, error) {
	key := filepath.Join(dir, caKeyFile)
	if _, err := os.Stat(key); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, caFile), key)
	if err != nil {
		return nil, err
	}
	private, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s is not the lab's authority", caFile)
	}
	return &authority{pair.Leaf, private}, nil
}

func saveAuthority(dir string, a *authority) error {
	pair := tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	return saveCertificate(filepath.Join(dir, caFile), filepath.Join(dir, caKeyFile), pair)
}

// saveCertificate writes the key first: a folder with a certificate always has its key.
func saveCertificate(certPath, keyPath string, c tls.Certificate) error {
	key, err := keyPEM(c.PrivateKey)
	if err != nil {
		return err
	}
	if err := create(keyPath, 0o600, key); err != nil {
		return err
	}
	return create(certPath, 0o644, certificatePEM(c.Certificate[0]))
}

func keyPEM(key any) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func create(path string, mode fs.FileMode, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
