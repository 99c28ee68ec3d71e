package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pinhole/publisher/route"
)

// maxFile bounds the secrets that are read while checking, in bytes.
const maxFile = 1 << 20

// file reads a path and makes it absolute against the configuration's folder.
func (v value) file() string {
	s := v.text("")
	switch {
	case s == "":
		if v.node != nil && v.quoted() {
			v.problem("is empty", "name a file")
		}
		return ""
	case strings.ContainsRune(s, 0):
		v.problem("holds a NUL character", "")
		return ""
	}
	return v.p.absolute(s)
}

// credential reads the path of a certificate, a key or a secret; "" stands for none. A bare name that exists in the folder of
// the service's credentials (systemd.exec(5), LoadCredential=) means the file there.
func (v value) credential() string {
	s := v.text("")
	if s == "" {
		return ""
	}
	if strings.ContainsRune(s, 0) {
		v.problem("holds a NUL character", "")
		return ""
	}
	if dir := v.p.credentials(); dir != "" && filepath.Base(s) == s {
		path := filepath.Join(dir, s)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return v.p.absolute(s)
}

func (p *parser) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(p.o.Dir, path)
}

// credentials returns the folder of the service's credentials, "" if there is none.
func (p *parser) credentials() string {
	if p.o.Env == nil {
		return ""
	}
	dir, _ := p.o.Env("CREDENTIALS_DIRECTORY")
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Clean(dir)
}

// readable reads a file that a key names. A failure is reported there.
func (p *parser) readable(key, path string) (data []byte, ok bool) {
	if p.isPipe(key, path) {
		return nil, false
	}
	data, err := readUpTo(path, maxFile+1)
	hint := p.missingHint()
	switch {
	case err == nil && len(data) <= maxFile:
		return data, true
	case err == nil:
		p.addAt(key, fmt.Sprintf("%s has more than %d bytes", path, maxFile), "is this the right file?")
		return nil, false
	case errors.Is(err, fs.ErrPermission):
		hint = "make it readable for the user that runs pinhole"
	}
	p.addAt(key, "read "+path+": "+cause(err), hint)
	return nil, false
}

func readUpTo(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// checkSecret checks that the file of a password can be read, is not empty, and is nobody else's to read.
func (p *parser) checkSecret(key, path string) {
	if p.o.NoFiles {
		return
	}
	data, ok := p.readable(key, path)
	if !ok {
		return
	}
	if strings.TrimRight(string(data), "\r\n") == "" {
		p.addAt(key, path+" is empty", "write the password into it")
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 && !p.isCredential(path) {
		p.warnAt(key, fmt.Sprintf("every user can read %s (mode %04o)", path, info.Mode().Perm()), "chmod 600 "+path)
	}
}

func (p *parser) isCredential(path string) bool {
	dir := p.credentials()
	return dir != "" && strings.HasPrefix(path, dir+string(filepath.Separator))
}

// checkCA checks that a file holds certificates to trust.
func (p *parser) checkCA(key, path string) {
	if !p.o.NoFiles && !p.isPipe(key, path) {
		_, err := route.LoadCA(path)
		p.fileProblem(key, err)
	}
}

// checkPair checks the device's certificate and its key as each connect will: readable, the key nobody else's to read, and one
// made for the other.
func (p *parser) checkPair(certKey, cert, keyKey, key string) {
	if p.o.NoFiles || p.isPipe(certKey, cert) || p.isPipe(keyKey, key) {
		return
	}
	bad := route.CheckKeyFile(key)
	p.fileProblem(keyKey, bad)
	_, err := route.LoadPair(cert, key)
	switch {
	case err == nil || bad != nil && err.Error() == bad.Error():
	case bad == nil && strings.Contains(err.Error(), "does not belong"):
		p.fileProblem(keyKey, err)
	default:
		p.fileProblem(certKey, err)
	}
}

// isPipe reports, with the problem, whether a path is anything but a file: opening a pipe would wait for its other end.
func (p *parser) isPipe(key, path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode().IsRegular() {
		return false
	}
	p.addAt(key, path+" is not a file", "")
	return true
}

// fileProblem reports what package route says of a file; nothing for nil.
func (p *parser) fileProblem(key string, err error) {
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		p.addAt(key, err.Error(), p.missingHint())
	default:
		hint := ""
		if e, ok := errors.AsType[*route.Error](err); ok {
			hint = e.Hint
		}
		p.addAt(key, err.Error(), hint)
	}
}

func (p *parser) missingHint() string {
	return "name a file that exists; relative paths start at " + p.o.Dir
}
