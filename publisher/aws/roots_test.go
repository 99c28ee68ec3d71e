package aws

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// fingerprints are the SHA-256 sums of the certificates in DER. Source: Amazon Trust Services' repository page, column
// "SHA-256 hash of certificate", and Mozilla's included CA list as Debian packages it in ca-certificates.
var fingerprints = map[string]string{
	"Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
	"Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
	"Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
	"Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
	"Starfield Services Root Certificate Authority - G2": "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
}

func TestRootsHaveThePublishedFingerprints(t *testing.T) {
	certs, err := Roots()
	if err != nil {
		t.Fatal(err)
	}
	if len(certs) != len(fingerprints) {
		t.Errorf("%d roots, want %d", len(certs), len(fingerprints))
	}
	for _, c := range certs {
		sum := sha256.Sum256(c.Raw)
		if got, want := hex.EncodeToString(sum[:]), fingerprints[c.Subject.CommonName]; got != want {
			t.Errorf("%s: fingerprint %s, want %s", c.Subject.CommonName, got, want)
		}
		if !c.IsCA {
			t.Errorf("%s: not a CA", c.Subject.CommonName)
		}
	}
}

func TestRootsAreDebians(t *testing.T) {
	const folder = "/usr/share/ca-certificates/mozilla"
	names, err := filepath.Glob(folder + "/Amazon_Root_CA_*.crt")
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, folder+"/Starfield_Services_Root_Certificate_Authority_-_G2.crt")
	if _, err := os.Stat(names[0]); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("package ca-certificates is missing: %v", err)
		}
		t.Skipf("package ca-certificates is missing: %v", err)
	}
	certs, err := Roots()
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(certs) {
		t.Errorf("Debian has %d files, %d are embedded", len(names), len(certs))
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		if block == nil {
			t.Fatalf("%s: no PEM block", name)
		}
		found := false
		for _, c := range certs {
			found = found || bytes.Equal(c.Raw, block.Bytes)
		}
		if !found {
			t.Errorf("%s is not among the embedded roots", filepath.Base(name))
		}
	}
}

func TestPoolHoldsTheRootsAndNothingElse(t *testing.T) {
	pool, err := Pool()
	if err != nil {
		t.Fatal(err)
	}
	want := x509.NewCertPool()
	certs, err := Roots()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range certs {
		want.AddCert(c)
	}
	if !pool.Equal(want) {
		t.Error("pool differs from the roots")
	}
}
