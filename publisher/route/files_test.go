package route

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pinhole/publisher/publishertest"
)

func TestLoadPair(t *testing.T) {
	ca, dir := publishertest.NewCA(t, "CA"), t.TempDir()
	a, b := ca.Client(t, "a"), ca.Client(t, "b")
	cert, key := a.Files(t, dir, "a")
	_, otherKey := b.Files(t, dir, "b")
	file := func(name string, text []byte) string { return publishertest.WriteFile(t, dir, name, text) }
	der, _ := pem.Decode(a.Cert)
	public, err := x509.MarshalPKIXPublicKey(a.TLS.Leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }
	damaged := bytes.Replace(a.Cert, []byte("-----END"), []byte("-----EN"), 1)
	open := file("open.key", a.Key)
	if err := os.Chmod(open, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, cert, key string
		want            string // "" is success; DIR stands for the folder
		hint            string
	}{
		{"good", cert, key, "", ""},
		{"chain", file("chain.crt", append(bytes.Clone(a.Cert), ca.PEM...)), key, "", ""},
		{"no certificate", "", key, "read the client certificate: there is a private key, but no certificate", "set publisher.tls.cert"},
		{"no key", cert, "", "read the private key: there is a certificate, but no private key", "set publisher.tls.key"},
		{"missing", dir + "/none.crt", key, "read client certificate DIR/none.crt: no such file or directory", ""},
		{"folder", dir, key, "read client certificate DIR: not a file, but d---------", ""},
		{"swapped", key, cert, "read certificate DIR/a.key: there is no certificate in it, but a private key",
			"are tls.cert and tls.key swapped?"},
		{"key is a certificate", cert, cert, "read private key DIR/a.crt: this is a certificate, not a private key",
			"are tls.cert and tls.key swapped?"},
		{"request", file("r.csr", block("CERTIFICATE REQUEST", []byte{1})), key,
			"read certificate DIR/r.csr: there is no certificate in it, but a certificate request",
			"a request has to be signed first; the answer is the certificate"},
		{"public key", cert, file("public.key", block("PUBLIC KEY", public)), "read private key DIR/public.key: this is the public key",
			"AWS names the private one ...-private.pem.key"},
		{"locked", cert, file("locked.key", block("ENCRYPTED PRIVATE KEY", []byte{1})),
			"read private key DIR/locked.key: the key is locked with a passphrase", "an agent that starts by itself cannot ask for " +
				"it; unlock it once: openssl pkey -in DIR/locked.key -out device.key"},
		{"garbled key", cert, file("bad.key", block("PRIVATE KEY", []byte{1, 2, 3})), "read private key DIR/bad.key: asn1: ...",
			"the file is damaged, or no RSA, ECDSA or Ed25519 key"},
		{"mismatch", cert, otherKey, "use DIR/a.crt with DIR/b.key: the key does not belong to the certificate",
			"both must come from the same request"},
		{"empty", file("empty.crt", nil), key, "read client certificate DIR/empty.crt: the file is empty", ""},
		{"binary", file("der.crt", der.Bytes), key, "read client certificate DIR/der.crt: the file is binary (DER)",
			"convert it to PEM with openssl, -inform der -outform pem"},
		{"damaged", file("damaged.crt", damaged), key, "read client certificate DIR/damaged.crt: the PEM text in it is damaged",
			"copy the file again, from -----BEGIN to -----END"},
		{"text", file("text.crt", []byte("hello")), key, "read client certificate DIR/text.crt: the file is not PEM",
			"a PEM file has a line that starts with -----BEGIN"},
		{"open", cert, open, "read private key DIR/open.key: others than its owner may read or write it (mode 0640)",
			"chmod 600 DIR/open.key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pair, err := LoadPair(c.cert, c.key)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if pair.Leaf == nil || pair.Leaf.Subject.CommonName != "a" {
					t.Errorf("leaf %v", pair.Leaf)
				}
				return
			}
			checkError(t, err, StageKey, strings.ReplaceAll(c.want, "DIR", dir), strings.ReplaceAll(c.hint, "DIR", dir))
		})
	}
}

// checkError compares a failure with what is expected; a text that ends in ... is a beginning.
func checkError(t *testing.T, err error, stage Stage, want, hint string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %T %v, want an Error", err, err)
	}
	if e.Stage != stage {
		t.Errorf("stage %q, want %q", e.Stage, stage)
	}
	if !matches(e.Error(), want) {
		t.Errorf("got  %s\nwant %s", e, want)
	}
	if !matches(e.Hint, hint) {
		t.Errorf("hint %s\nwant %s", e.Hint, hint)
	}
}

func matches(got, want string) bool {
	if start, ok := strings.CutSuffix(want, "..."); ok {
		return strings.HasPrefix(got, start)
	}
	return got == want
}

func TestKeyFilesModes(t *testing.T) {
	dir := t.TempDir()
	path := publishertest.WriteFile(t, dir, "k.key", publishertest.NewCA(t, "CA").Client(t, "x").Key)
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o700: true, 0o640: false, 0o604: false, 0o620: false, 0o602: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := CheckKeyFile(path); (err == nil) != ok {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o440); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if err := CheckKeyFile(path); err != nil {
		t.Errorf("below $CREDENTIALS_DIRECTORY: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Join(dir, "other"))
	if err := CheckKeyFile(path); err == nil {
		t.Error("beside $CREDENTIALS_DIRECTORY an open key was accepted")
	}
}

func TestLoadCA(t *testing.T) {
	a, b, dir := publishertest.NewCA(t, "A"), publishertest.NewCA(t, "B"), t.TempDir()
	pool, err := LoadCA(publishertest.WriteFile(t, dir, "both.pem", append(bytes.Clone(a.PEM), b.PEM...)))
	if err != nil {
		t.Fatal(err)
	}
	want := x509.NewCertPool()
	want.AddCert(a.Cert)
	want.AddCert(b.Cert)
	if !pool.Equal(want) {
		t.Error("the pool does not hold both authorities")
	}
	_, err = LoadCA(dir + "/none.pem")
	checkError(t, err, StageKey, "read certificate authorities "+dir+"/none.pem: no such file or directory", "")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
	bad := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})
	_, err = LoadCA(publishertest.WriteFile(t, dir, "bad.pem", bad))
	checkError(t, err, StageKey, "read certificate authorities "+dir+"/bad.pem: x509: ...", "")
}
