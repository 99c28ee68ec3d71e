package aws

import (
	"crypto/x509"
	"embed"
	"encoding/pem"
	"fmt"
)

// The roots that sign AWS IoT's -ats endpoints, as the developer guide's page "Server authentication" lists them: Amazon Root
// CA 1 to 4, and Starfield Services Root CA - G2, which signed them for clients that are older than they are.
//
//go:embed roots/*.pem
var rootFiles embed.FS

// Roots parses the embedded root certificates.
func Roots() ([]*x509.Certificate, error) {
	entries, err := rootFiles.ReadDir("roots")
	if err != nil {
		return nil, fmt.Errorf("embedded Amazon roots: %w", err)
	}
	var certs []*x509.Certificate
	for _, e := range entries {
		text, err := rootFiles.ReadFile("roots/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("embedded Amazon root %s: %w", e.Name(), err)
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("embedded Amazon root %s: no PEM block", e.Name())
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("embedded Amazon root %s: %w", e.Name(), err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// Pool returns a new pool that holds exactly the embedded roots.
func Pool() (*x509.CertPool, error) {
	certs, err := Roots()
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}
