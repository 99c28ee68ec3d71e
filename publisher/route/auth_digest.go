package route

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// digestChallenge is a challenge of the Digest scheme (RFC 7616 section 3.3).
type digestChallenge struct {
	realm, nonce, opaque string
	hasOpaque            bool
	algorithm            string // as the server spelt it; "" means MD5
	hash                 func(string) string
	session              bool // an algorithm ending in -sess
	qop                  bool // quality of protection auth; false: a server of RFC 2069
	stale                bool // user and password were right, only the nonce was too old
}

func newDigest(c challenge) (*digestChallenge, error) {
	d := &digestChallenge{realm: c.params["realm"], nonce: c.params["nonce"], algorithm: c.params["algorithm"],
		stale: strings.EqualFold(c.params["stale"], "true")}
	d.opaque, d.hasOpaque = c.params["opaque"]
	name, session := strings.CutSuffix(strings.ToUpper(d.algorithm), "-SESS")
	d.session = session
	switch name {
	case "", "MD5":
		d.hash = func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	case "SHA-256":
		d.hash = func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	default:
		return nil, fmt.Errorf("the proxy wants Digest with %s, which is not spoken here", printable(d.algorithm, nil))
	}
	if d.nonce == "" {
		return nil, fmt.Errorf("the proxy wants Digest and gives no nonce for it")
	}
	if qop, ok := c.params["qop"]; ok {
		list := strings.FieldsFunc(strings.ToLower(qop), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
		if !slices.Contains(list, "auth") {
			return nil, fmt.Errorf("the proxy wants Digest with qop %s, which is not spoken here", printable(qop, nil))
		}
		d.qop = true
	}
	return d, nil
}

// strength orders challenges: SHA-256 before MD5, and qop before none.
func (d *digestChallenge) strength() int {
	n := 0
	if strings.HasPrefix(strings.ToUpper(d.algorithm), "SHA-256") {
		n += 2
	}
	if d.qop {
		n++
	}
	return n
}

// answer returns the field's value after "Digest ", and the response in it (RFC 7616 section 3.4). The nonce is used once, so its
// count is 1.
func (d *digestChallenge) answer(user, password, method, uri, cnonce string) (field, response string) {
	const count = "00000001"
	secret := d.hash(user + ":" + d.realm + ":" + password)
	if d.session {
		secret = d.hash(secret + ":" + d.nonce + ":" + cnonce)
	}
	what := d.hash(method + ":" + uri)
	if d.qop {
		response = d.hash(secret + ":" + d.nonce + ":" + count + ":" + cnonce + ":auth:" + what)
	} else {
		response = d.hash(secret + ":" + d.nonce + ":" + what)
	}
	field = fmt.Sprintf("username=%s, realm=%s, nonce=%s, uri=%s, response=\"%s\"", quote(user), quote(d.realm), quote(d.nonce),
		quote(uri), response)
	if d.algorithm != "" {
		field += ", algorithm=" + d.algorithm
	}
	if d.qop {
		field += ", qop=auth, nc=" + count
	}
	if d.qop || d.session {
		field += ", cnonce=" + quote(cnonce)
	}
	if d.hasOpaque {
		field += ", opaque=" + quote(d.opaque)
	}
	return field, response
}

// newNonce makes a client's nonce.
func newNonce() string { return rand.Text() }
