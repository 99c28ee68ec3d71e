package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair makes a key and a self-signed certificate for it, in PEM form.
func pair(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"},
		NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(1900000000, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// folder writes files with their modes into a new folder.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFiles(t *testing.T) {
	cert, key := pair(t)
	_, otherKey := pair(t)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	dir := folder(t, map[string][]byte{
		"device.crt": cert, "only.crt": cert, "device.key": key, "other.key": otherKey, "open.key": key, "group.key": key, "write.key": key,
		"garbled.key": []byte("hello"), "encrypted.key": encrypted, "password": []byte("secret\n"), "empty": []byte("\n"),
		"both.pem":     append(append([]byte{}, cert...), key...),
		"cut.crt":      pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30, 0x82}}),
		"cut.key":      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{0x30, 0x82}}),
		"big":          make([]byte, maxFile+1),
		"not-a-ca.pem": key,
	})
	for name, mode := range map[string]os.FileMode{"open.key": 0o644, "group.key": 0o640, "write.key": 0o602} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("open.key", filepath.Join(dir, "link.key")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, keys string
		key        string   // that is to blame; "" if all is well
		says       []string // what the problem's text must hold
	}{
		{"right", "tls: {ca: device.crt, cert: device.crt, key: device.key}, username: u, password_file: password", "", nil},
		{"one file for both", "tls: {cert: both.pem, key: both.pem}", "", nil},
		{"absolute", "tls: {cert: " + dir + "/device.crt, key: " + dir + "/./device.key}", "", nil},
		{"not its key", "tls: {cert: device.crt, key: other.key}", "publisher.tls.key", []string{"other.key", "device.crt", "belong"}},
		{"world-readable", "tls: {cert: device.crt, key: open.key}", "publisher.tls.key", []string{"0644", "chmod 600 " + dir + "/open.key"}},
		{"group-readable", "tls: {cert: device.crt, key: group.key}", "publisher.tls.key", []string{"0640", "chmod 600 "}},
		{"world-writable", "tls: {cert: device.crt, key: write.key}", "publisher.tls.key", []string{"0602", "chmod 600 "}},
		{"link", "tls: {cert: device.crt, key: link.key}", "publisher.tls.key", []string{"0644"}},
		{"garbled", "tls: {cert: device.crt, key: garbled.key}", "publisher.tls.key", []string{"garbled.key", "PEM"}},
		{"swapped", "tls: {cert: device.crt, key: only.crt}", "publisher.tls.key", []string{"only.crt", "certificate"}},
		{"encrypted", "tls: {cert: device.crt, key: encrypted.key}", "publisher.tls.key", []string{"passphrase"}},
		{"cut certificate", "tls: {cert: cut.crt, key: device.key}", "publisher.tls.cert", []string{"cut.crt", "malformed"}},
		{"cut key", "tls: {cert: device.crt, key: cut.key}", "publisher.tls.key", []string{"cut.key"}},
		{"no certificate", "tls: {cert: none.crt, key: device.key}", "publisher.tls.cert", []string{"none.crt", "no such file", "start at " + dir}},
		{"no key", "tls: {cert: device.crt, key: none.key}", "publisher.tls.key", []string{"none.key", "no such file"}},
		{"no CA", "tls: {ca: none.pem}", "publisher.tls.ca", []string{"none.pem", "no such file"}},
		{"key as CA", "tls: {ca: not-a-ca.pem}", "publisher.tls.ca", []string{"not-a-ca.pem", "certificate"}},
		{"a folder", "tls: {ca: .}", "publisher.tls.ca", []string{dir + " is not a file"}},
		{"a pipe", "tls: {ca: pipe}", "publisher.tls.ca", []string{"pipe is not a file"}},
		{"a pipe as key", "tls: {cert: device.crt, key: pipe}", "publisher.tls.key", []string{"pipe is not a file"}},
		{"too big", "tls: {ca: big}", "publisher.tls.ca", []string{"big"}},
		{"big password", "username: u, password_file: big", "publisher.password_file", []string{"more than 1048576 bytes"}},
		{"empty password", "username: u, password_file: empty", "publisher.password_file", []string{"empty is empty; write the password into it"}},
		{"no user", "password_file: password", "publisher.password_file", []string{"without a username"}},
		{"proxy without user", "proxy: http://h, proxy_password_file: password", "publisher.proxy_password_file", []string{"without a user"}},
		{"proxy", "proxy: http://me@h, proxy_password_file: password", "", nil},
		{"proxies", "proxy: [socks5://h, direct, https://me@h], proxy_password_file: password, proxy_ca: device.crt", "", nil},
		{"proxies without user", "proxy: [http://h, direct], proxy_password_file: password", "publisher.proxy_password_file", []string{"without a user"}},
		{"no CA for proxies", "proxy: https://h, proxy_ca: none.pem", "publisher.proxy_ca", []string{"none.pem", "no such file"}},
		{"key as CA for proxies", "proxy: https://h, proxy_ca: not-a-ca.pem", "publisher.proxy_ca", []string{"not-a-ca.pem", "certificate"}},
		{"CA without such a proxy", "proxy_ca: device.crt", "publisher.proxy_ca", []string{"none is named; write https://HOST:PORT into publisher.proxy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			o.Dir = dir
			_, problems := Parse("f", []byte("publisher: {broker: h, "+c.keys+"}\nsensors: [{name: a, kind: host}]\n"), o)
			if c.key == "" {
				if len(problems) > 0 {
					t.Errorf("unexpected: %v", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Key != c.key {
				t.Fatalf("got %v, want one problem of %s", problems, c.key)
			}
			for _, words := range c.says {
				if s := problems[0].String(); !strings.Contains(s, words) {
					t.Errorf("%s\ndoes not say %q", s, words)
				}
			}
		})
	}
}

// TestCredentials: a bare name is looked up in the service's credentials first, and the folder protects what lies there.
func TestCredentials(t *testing.T) {
	cert, key := pair(t)
	credentials := folder(t, map[string][]byte{"key": key})
	if err := os.Chmod(filepath.Join(credentials, "key"), 0o440); err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string][]byte{"cert": cert})
	o := options()
	o.Dir = dir
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	o.Env = os.LookupEnv
	text := "publisher: {broker: h, tls: {cert: cert, key: key}}\nsensors: [{name: a, kind: host}]\n"
	c, problems := Parse("f", []byte(text), o)
	if c == nil {
		t.Fatal(problems)
	}
	if c.Publisher.TLS.Key != credentials+"/key" || c.Publisher.TLS.Cert != dir+"/cert" {
		t.Errorf("key is %s, cert is %s", c.Publisher.TLS.Key, c.Publisher.TLS.Cert)
	}
	// A path is never looked up there.
	_, problems = Parse("f", []byte(strings.Replace(text, "key: key", "key: ./key", 1)), o)
	if len(problems) != 1 || problems[0].Key != "publisher.tls.key" {
		t.Errorf("./key: got %v", problems)
	}
}

func TestOpenPasswordIsWarnedOf(t *testing.T) {
	dir := folder(t, map[string][]byte{"password": []byte("secret")})
	if err := os.Chmod(dir+"/password", 0o604); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Dir = dir
	c, problems := Parse("f", []byte("publisher: {broker: h, username: u, password_file: password}\nsensors: [{name: a, kind: host}]\n"), o)
	if c == nil {
		t.Fatal(problems)
	}
	want := fmt.Sprintf("f:1:52: publisher.password_file: every user can read %s/password (mode 0604); chmod 600 %[1]s/password", dir)
	if len(c.Warnings) != 1 || c.Warnings[0].String() != want {
		t.Errorf("\n got %v\nwant %s", c.Warnings, want)
	}
}

func TestLoad(t *testing.T) {
	dir := folder(t, map[string][]byte{"good.yaml": []byte(smallest + "status: {listen: '', token_file: good.yaml}\n"), "bad.yaml": []byte("x: 1")})
	good, bad, none := dir+"/good.yaml", dir+"/bad.yaml", dir+"/none.yaml"
	c, problems := Load(good, options())
	if c == nil || c.File != good || c.Status.TokenFile != good {
		t.Errorf("%+v %v", c, problems)
	}
	if _, problems = Load(bad, options()); len(problems) != 3 || problems[0].File != bad {
		t.Errorf("got %v", problems)
	}
	_, problems = Load(none, options())
	want := none + ": cannot read the configuration: no such file or directory; " +
		"`pinhole config > " + none + "` writes an example to start from; -c names another file"
	if len(problems) != 1 || problems[0].String() != want {
		t.Errorf("\n got %v\nwant %s", problems, want)
	}
	if _, problems = Load(dir, options()); len(problems) != 1 || !strings.Contains(problems[0].Message, "is a directory") {
		t.Errorf("got %v", problems)
	}
	o := options()
	o.Stdin = strings.NewReader(smallest)
	if c, problems = Load("-", o); c == nil || c.File != "-" {
		t.Errorf("standard input: %v", problems)
	}
	o.Stdin = strings.NewReader(strings.Repeat("#", maxBytes+1))
	if _, problems = Load("-", o); len(problems) != 1 || !strings.Contains(problems[0].Message, "bytes") {
		t.Errorf("standard input: %v", problems)
	}
}
