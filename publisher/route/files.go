package route

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile is the size in bytes above which a file is no certificate and no key.
const maxFile = 1 << 20

// LoadPair reads a client certificate chain and its private key from PEM files and checks that they belong together. Leaf of the
// result is set. The key file must not be open to others, see CheckKeyFile.
func LoadPair(cert, key string) (tls.Certificate, error) {
	switch {
	case cert == "":
		return tls.Certificate{}, fileError("read the client certificate", errors.New("there is a private key, but no certificate"),
			"set publisher.tls.cert")
	case key == "":
		return tls.Certificate{}, fileError("read the private key", errors.New("there is a certificate, but no private key"),
			"set publisher.tls.key")
	}
	chain, err := readPEM("client certificate", cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := wantCertificate(chain, cert); err != nil {
		return tls.Certificate{}, err
	}
	secret, err := readKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(chain, secret)
	if err != nil {
		hint := ""
		if strings.Contains(err.Error(), "does not match") {
			err, hint = errors.New("the key does not belong to the certificate"), "both must come from the same request"
		}
		return tls.Certificate{}, fileError(fmt.Sprintf("use %s with %s", cert, key), err, hint)
	}
	return pair, nil
}

// CheckKeyFile checks a private key's file without using it: that it is there, closed to group and others, and a key in PEM. What
// systemd put into $CREDENTIALS_DIRECTORY is closed by that folder, so its mode does not count.
func CheckKeyFile(path string) error {
	_, err := readKey(path)
	return err
}

// LoadCA reads certificate authorities from a PEM file.
func LoadCA(path string) (*x509.CertPool, error) {
	text, err := readPEM("certificate authorities", path)
	if err != nil {
		return nil, err
	}
	if err := wantCertificate(text, path); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for block := range blocks(text) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fileError("read certificate authorities "+path, err, "")
		}
		pool.AddCert(c)
	}
	return pool, nil
}

// readKey reads a private key's file and checks all that can be checked without its certificate.
func readKey(path string) ([]byte, error) {
	op := "read private key " + path
	text, err := readPEM("private key", path)
	if err != nil {
		return nil, err
	}
	for block := range blocks(text) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, fileError(op, errors.New("the key is locked with a passphrase"),
				"an agent that starts by itself cannot ask for it; unlock it once: openssl pkey -in "+path+" -out device.key")
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			if err := parseKey(block.Bytes); err != nil {
				return nil, fileError(op, err, "the file is damaged, or no RSA, ECDSA or Ed25519 key")
			}
			return text, nil
		}
	}
	for block := range blocks(text) {
		switch block.Type {
		case "CERTIFICATE":
			return nil, fileError(op, errors.New("this is a certificate, not a private key"), "are tls.cert and tls.key swapped?")
		case "PUBLIC KEY", "RSA PUBLIC KEY":
			return nil, fileError(op, errors.New("this is the public key"), "AWS names the private one ...-private.pem.key")
		}
	}
	return nil, fileError(op, errors.New("there is no private key in it"), "")
}

// parseKey tries the three encodings of a private key: PKCS #8, PKCS #1 and SEC 1.
func parseKey(der []byte) error {
	_, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return nil
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return nil
	}
	if _, err := x509.ParseECPrivateKey(der); err == nil {
		return nil
	}
	return err
}

// wantCertificate checks that a PEM text has a certificate in it, and names what it has instead.
func wantCertificate(text []byte, path string) error {
	op := "read certificate " + path
	found := "nothing"
	for block := range blocks(text) {
		if block.Type == "CERTIFICATE" {
			return nil
		}
		found = "a " + block.Type
	}
	hint := ""
	switch {
	case strings.HasSuffix(found, "PRIVATE KEY"):
		hint = "are tls.cert and tls.key swapped?"
	case strings.HasSuffix(found, "CERTIFICATE REQUEST"):
		hint = "a request has to be signed first; the answer is the certificate"
	}
	return fileError(op, fmt.Errorf("there is no certificate in it, but %s", strings.ToLower(found)), hint)
}

// blocks iterates over the PEM blocks of a text.
func blocks(text []byte) func(yield func(*pem.Block) bool) {
	return func(yield func(*pem.Block) bool) {
		for rest := text; ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil || !yield(block) {
				return
			}
		}
	}
}

// readPEM reads a file that must hold PEM. what names it for people; a private key is checked for who may read it, on the very
// file that is read.
func readPEM(what, path string) ([]byte, error) {
	op := "read " + what + " " + path
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(op, cause(err), openHint(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileError(op, cause(err), "")
	}
	if !info.Mode().IsRegular() {
		return nil, fileError(op, fmt.Errorf("not a file, but %s", info.Mode().Type()), "")
	}
	if mode := info.Mode().Perm(); what == "private key" && mode&0o066 != 0 && !isCredential(path) {
		return nil, fileError(op, fmt.Errorf("others than its owner may read or write it (mode %04o)", mode), "chmod 600 "+path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fileError(op, cause(err), "")
	}
	switch block, _ := pem.Decode(text); {
	case len(text) == 0:
		return nil, fileError(op, errors.New("the file is empty"), "")
	case len(text) > maxFile:
		return nil, fileError(op, errors.New("the file is larger than any certificate or key"), "")
	case block != nil:
		return text, nil
	case text[0] == 0x30: // a DER sequence
		return nil, fileError(op, errors.New("the file is binary (DER)"), "convert it to PEM with openssl, -inform der -outform pem")
	case bytes.Contains(text, []byte("-----BEGIN")):
		return nil, fileError(op, errors.New("the PEM text in it is damaged"), "copy the file again, from -----BEGIN to -----END")
	}
	return nil, fileError(op, errors.New("the file is not PEM"), "a PEM file has a line that starts with -----BEGIN")
}

// isCredential reports whether path lies below systemd's folder of credentials, which belongs to one unit alone and whose files
// are group-readable by design (systemd.exec(5), LoadCredential).
func isCredential(path string) bool {
	folder := os.Getenv("CREDENTIALS_DIRECTORY")
	if folder == "" {
		return false
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

func openHint(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "the agent's user has no right to it: chown it to that user, mode 0600"
	}
	return ""
}

// cause strips the operation and the path, which stand in front already.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

func fileError(op string, err error, hint string) error {
	return &Error{Stage: StageKey, Op: op, Err: err, Hint: hint}
}
