package lab

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const credentialsFile = "credentials"

// keys are the access keys that the lab knows: one of its own, in a file as AWS's tools write it, and those that it gave out for a
// certificate.
type keys struct {
	mu    sync.Mutex
	known map[string]accessKey
}

type accessKey struct {
	secret, token string
	until         time.Time // zero: for ever
}

// temporary is how long credentials live that the provider gives out.
const temporary = time.Hour

// load reads the file, or makes it.
func (k *keys) load(dir string) error {
	path := filepath.Join(dir, credentialsFile)
	err := create(path, 0o600, fmt.Appendf(nil, "[default]\naws_access_key_id = AKIALAB%s\naws_secret_access_key = %s\n", rand.Text()[:13], rand.Text()))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	values := map[string]string{}
	for line := range strings.SplitSeq(string(text), "\n") {
		name, value, _ := strings.Cut(line, "=")
		values[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	id, secret := values["aws_access_key_id"], values["aws_secret_access_key"]
	if id == "" || secret == "" {
		return fmt.Errorf("%s has no access key; remove it or choose another folder", path)
	}
	k.known = map[string]accessKey{id: {secret: secret}}
	return nil
}

func (k *keys) find(id string) (secret, token string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a, ok := k.known[id]
	if ok && !a.until.IsZero() && time.Now().After(a.until) {
		return "", "", false
	}
	return a.secret, a.token, ok
}

// give makes temporary credentials and returns them as the credentials provider does.
func (k *keys) give() []byte {
	id := "ASIALAB" + rand.Text()[:13]
	a := accessKey{secret: rand.Text(), token: rand.Text() + "/+=" + rand.Text(), until: time.Now().Add(temporary)}
	k.mu.Lock()
	if len(k.known) > 1000 {
		for old, x := range k.known {
			if !x.until.IsZero() {
				delete(k.known, old)
			}
		}
	}
	k.known[id] = a
	k.mu.Unlock()
	type credentials struct {
		AccessKeyID     string    `json:"accessKeyId"`
		SecretAccessKey string    `json:"secretAccessKey"`
		SessionToken    string    `json:"sessionToken"`
		Expiration      time.Time `json:"expiration"`
	}
	out, err := json.Marshal(map[string]credentials{"credentials": {id, a.secret, a.token, a.until.UTC().Truncate(time.Second)}})
	if err != nil {
		return nil // cannot be: three strings and a time
	}
	return out
}

// provide answers a request to the credentials provider: GET /role-aliases/ALIAS/credentials with a device's certificate.
func (c *conn) provide(r *http.Request) (status int, answer []byte) {
	alias, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.EscapedPath(), "/role-aliases/"), "/credentials")
	switch {
	case !ok || alias == "" || strings.Contains(alias, "/"):
		return http.StatusNotFound, says("Not Found")
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, says("Method Not Allowed")
	case len(c.state.PeerCertificates) == 0:
		return http.StatusForbidden, says("Access Denied")
	}
	return http.StatusOK, c.lab.keys.give()
}
