package route

import (
	"encoding/base64"
	"errors"
	"strings"
)

// scheme is an HTTP authentication scheme.
type scheme int32

const (
	unknown scheme = iota // nothing is known of what the proxy wants
	basic                 // RFC 7617
	digest                // RFC 7616
	ntlm                  // MS-NLMP over MS-NTHT
)

// auth is the login at a proxy: from what the proxy wants to the next Proxy-Authorization field. It lives for one tunnel.
//
// Basic is sent at once, as curl and Go's own client do, unless this proxy is known to want another scheme: some proxies never ask.
// After that the proxy's list decides, the safest first: Digest, NTLM, Basic. What the proxy refuses is not tried with a weaker
// scheme, so that a wrong password does not lock the account three times as fast.
type auth struct {
	user, password string
	scheme         scheme
	secrets        []string // what must not be repeated in any text: the password, and what was made of it

	digest *digestChallenge // the one to answer
	stale  bool             // a nonce was stale once
	token  []byte           // NTLM: the proxy's challenge
	tie    []byte           // NTLM: ties the login to its TLS session; nil: nothing
	sent   bool             // the scheme's proof has gone out
}

func newAuth(user, password string, known scheme) *auth {
	a := &auth{user: user, password: password}
	if user == "" {
		return a
	}
	if password != "" {
		a.secrets = append(a.secrets, password)
	}
	switch {
	case known == basic, known == ntlm:
		a.scheme = known
	case known == unknown && !strings.ContainsAny(user, `\:`): // DOMAIN\user is meant for NTLM; Basic cannot carry a colon
		a.scheme = basic
	}
	return a
}

// header returns the value of the next Proxy-Authorization field, "" for none. addr is what will be asked for.
func (a *auth) header(addr string) (string, error) {
	switch a.scheme {
	case basic:
		if strings.Contains(a.user, ":") {
			return "", errors.New("the proxy wants Basic, and that cannot carry a user with a colon in its name")
		}
		value := base64.StdEncoding.EncodeToString([]byte(a.user + ":" + a.password))
		a.sent = true
		a.secrets = append(a.secrets, strings.TrimRight(value, "="))
		return "Basic " + value, nil
	case digest:
		if a.digest == nil {
			return "", nil // it is asked for a nonce first
		}
		field, response := a.digest.answer(a.user, a.password, "CONNECT", addr, newNonce())
		a.sent = true
		a.secrets = append(a.secrets, response)
		return "Digest " + field, nil
	case ntlm:
		message, err := ntlmMessage(a.token, a.tie, a.user, a.password)
		if err != nil {
			return "", err
		}
		value := base64.StdEncoding.EncodeToString(message)
		if a.token != nil {
			a.sent = true
			a.secrets = append(a.secrets, strings.TrimRight(value, "="))
		}
		return "NTLM " + value, nil
	}
	return "", nil
}

// challenged takes a 407 and reports whether another request makes sense.
func (a *auth) challenged(list []challenge) (again bool, err error) {
	if a.user == "" {
		return false, nil
	}
	offers := pick(list)
	switch a.scheme {
	case digest:
		if a.sent {
			if offers.digest == nil || !offers.digest.stale || a.stale {
				return false, nil
			}
			a.stale = true
		}
	case ntlm:
		if a.sent {
			return false, nil
		}
		if offers.ntlm && offers.token != nil {
			a.token = offers.token
			return true, nil
		}
	}
	before := a.scheme
	switch {
	case offers.digest != nil:
		a.scheme, a.digest, a.sent = digest, offers.digest, false
	case offers.ntlm && before != ntlm:
		a.scheme, a.sent = ntlm, false
	case offers.basic && !(before == basic && a.sent):
		a.scheme, a.sent = basic, false
	default:
		return false, offers.err
	}
	return true, nil
}

// bound reports whether the next request only makes sense on the connection of the last one.
func (a *auth) bound() bool { return a.scheme == ntlm && a.token != nil }

// offered is what a proxy wants, as far as it can be spoken here.
type offered struct {
	basic, ntlm bool
	token       []byte           // of NTLM, nil if there is none yet
	digest      *digestChallenge // the safest of them
	err         error            // why one that is known by name cannot be answered
}

func pick(list []challenge) (o offered) {
	for _, c := range list {
		switch strings.ToLower(c.scheme) {
		case "basic":
			o.basic = true
		case "ntlm":
			o.ntlm = true
			if token, err := base64.StdEncoding.DecodeString(c.token); err == nil && len(token) > 0 {
				o.token = token
			}
		case "digest":
			d, err := newDigest(c)
			if err != nil {
				o.err = err
				continue
			}
			if o.digest == nil || d.strength() > o.digest.strength() {
				o.digest = d
			}
		}
	}
	return o
}
