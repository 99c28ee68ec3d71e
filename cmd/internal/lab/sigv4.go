package lab

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Region is the one that requests to the lab are signed for.
const Region = "eu-west-1"

// The services of AWS IoT's data endpoint as they stand in a signature's scope.
const (
	serviceMQTT = "iotdevicegateway"
	serviceData = "iotdata"
)

// maxSkew is how far the time of a signature may lie from the lab's.
const maxSkew = 5 * time.Minute

// signature is what a request says of how it was signed.
type signature struct {
	key, day, region, service string
	stamp, token, value       string
	signed                    []string // names of header fields
	lives                     time.Duration
	query                     bool // signed in the query
}

// verify checks a request's Signature Version 4 from what arrived on the wire, by the specification ("Create a signed AWS API
// request", AWS IAM user guide) and with nothing of the publisher's code. body is what was sent. secret knows the keys: the secret
// of an access key and the token that belongs to it. The error says what AWS's message would be about.
func verify(r *http.Request, body []byte, service string, now time.Time, secret func(key string) (secret, token string, ok bool)) error {
	rawPath, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	s, pairs, err := readSignature(r, rawQuery)
	if err != nil {
		return err
	}
	if s.region != Region || s.service != service {
		return fmt.Errorf("credential should be scoped to %s/%s, not %s/%s", Region, service, s.region, s.service)
	}
	at, err := time.Parse("20060102T150405Z", s.stamp)
	switch {
	case err != nil || !strings.HasPrefix(s.stamp, s.day+"T"):
		return errors.New("the date of the signature is malformed")
	case at.After(now.Add(maxSkew)):
		return fmt.Errorf("signature not yet current: %s is still later than %s", s.stamp, now.UTC().Format("20060102T150405Z"))
	case at.Add(s.lives).Before(now):
		return fmt.Errorf("signature expired: %s is now earlier than %s", s.stamp, now.UTC().Format("20060102T150405Z"))
	}
	key, token, ok := secret(s.key)
	switch {
	case !ok:
		return errors.New("the security token included in the request is invalid: unknown access key")
	case token != s.token:
		return errors.New("the security token included in the request is invalid")
	}
	sum := sha256.New()
	if s.query {
		body = nil
	}
	sum.Write(body)
	request := &strings.Builder{}
	fmt.Fprintf(request, "%s\n%s\n%s\n", r.Method, twice(rawPath), strings.Join(pairs, "&"))
	hasHost := false
	for _, name := range s.signed {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value, hasHost = r.Host, true
		}
		fmt.Fprintf(request, "%s:%s\n", name, strings.TrimSpace(value))
	}
	if !hasHost || !sort.StringsAreSorted(s.signed) {
		return errors.New("'Host' must be among the signed headers, in order")
	}
	fmt.Fprintf(request, "\n%s\n%x", strings.Join(s.signed, ";"), sum.Sum(nil))

	digest := sha256.Sum256([]byte(request.String()))
	text := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%x", s.stamp, s.day, s.region, s.service, digest)
	k := []byte("AWS4" + key)
	for _, part := range [...]string{s.day, s.region, s.service, "aws4_request", text} {
		h := hmac.New(sha256.New, k)
		io.WriteString(h, part)
		k = h.Sum(nil)
	}
	if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(k)), []byte(s.value)) != 1 {
		return errors.New("the request signature we calculated does not match the signature you provided")
	}
	return nil
}

// readSignature finds the signature in the query or in the Authorization field. pairs are the query's parameters that are signed,
// in canonical form and order.
func readSignature(r *http.Request, rawQuery string) (s signature, pairs []string, err error) {
	var credential, names string
	values := map[string]string{}
	for p := range strings.SplitSeq(rawQuery, "&") {
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		name, e1 := url.QueryUnescape(name)
		value, e2 := url.QueryUnescape(value)
		if e1 != nil || e2 != nil {
			return s, nil, errors.New("the query is malformed")
		}
		values[name] = value
		if name == "X-Amz-Signature" || name == "X-Amz-Security-Token" { // AWS IoT: the token is not signed in a query
			continue
		}
		pairs = append(pairs, encode(name)+"="+encode(value))
	}
	sort.Strings(pairs)
	if s.query = values["X-Amz-Signature"] != ""; s.query {
		if values["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256" {
			return s, nil, errors.New("field X-Amz-Algorithm must be AWS4-HMAC-SHA256")
		}
		credential, names, s.value = values["X-Amz-Credential"], values["X-Amz-SignedHeaders"], values["X-Amz-Signature"]
		s.stamp, s.token, s.lives = values["X-Amz-Date"], values["X-Amz-Security-Token"], maxSkew
		if text, ok := values["X-Amz-Expires"]; ok {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > 7*86400 {
				return s, nil, errors.New("field X-Amz-Expires must be from 1 to 604800")
			}
			s.lives = time.Duration(n) * time.Second
		}
	} else {
		rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
		if !ok {
			return s, nil, errors.New("missing authentication token")
		}
		for p := range strings.SplitSeq(rest, ",") {
			switch name, value, _ := strings.Cut(strings.TrimSpace(p), "="); name {
			case "Credential":
				credential = value
			case "SignedHeaders":
				names = value
			case "Signature":
				s.value = value
			}
		}
		s.stamp, s.token, s.lives = r.Header.Get("X-Amz-Date"), r.Header.Get("X-Amz-Security-Token"), maxSkew
		if !strings.Contains(";"+names+";", ";x-amz-date;") || s.token != "" && !strings.Contains(";"+names+";", ";x-amz-security-token;") {
			return s, nil, errors.New("x-amz-date and x-amz-security-token must be signed")
		}
	}
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return s, nil, errors.New("credential must be KEY/DAY/REGION/SERVICE/aws4_request")
	}
	s.key, s.day, s.region, s.service, s.signed = scope[0], scope[1], scope[2], scope[3], strings.Split(names, ";")
	return s, pairs, nil
}

// encode is RFC 3986's percent-encoding, made from the one of forms.
func encode(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

// twice encodes a path that is encoded already, all but its slashes.
func twice(path string) string { return strings.ReplaceAll(encode(path), "%2F", "/") }
