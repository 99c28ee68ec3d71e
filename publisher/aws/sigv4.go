package aws

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The service names in the scope of a signature. Source: AWS IoT Core developer guide, "MQTT" ("MQTT over WebSocket"), and the AWS
// General Reference on the data plane.
const (
	ServiceMQTT = "iotdevicegateway" // MQTT over WebSocket
	ServiceData = "iotdata"          // HTTPS publish
)

// expires is how long a signed WebSocket address holds, in seconds: the value of AWS's own samples. A board without a clock of its
// own may be hours behind when it signs.
const expires = "86400"

const algorithm = "AWS4-HMAC-SHA256"

// Signer signs requests with Signature Version 4 (AWS IAM user guide, "Create a signed AWS API request"). It keeps nothing: each
// signature is made with the credentials and the time of its moment. A clock that is wrong by more than 5 minutes makes AWS refuse.
type Signer struct {
	Region      string // "eu-west-1"
	Credentials Source
	Now         func() time.Time
}

// WebSocket signs a WebSocket address. host is what the Host field will say, path an absolute path without a query. The result is path
// and query for the request line, good for one dial at about this time.
func (s *Signer) WebSocket(ctx context.Context, host, path string) (target string, err error) {
	c, err := s.Credentials(ctx)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", path, err)
	}
	return s.webSocket(c, host, path), nil
}

func (s *Signer) webSocket(c Credentials, host, path string) string {
	at := s.scope(ServiceMQTT)
	query := canonicalQuery(url.Values{
		"X-Amz-Algorithm": {algorithm}, "X-Amz-Credential": {c.AccessKey + "/" + at.scope}, "X-Amz-Date": {at.stamp},
		"X-Amz-Expires": {expires}, "X-Amz-SignedHeaders": {"host"},
	})
	request := strings.Join([]string{http.MethodGet, canonicalPath(path), query, "host:" + host + "\n", "host", hash(nil)}, "\n")
	target := path + "?" + query + "&X-Amz-Signature=" + at.sign(c.Secret, request)
	if c.Token != "" { // AWS IoT wants it outside of what is signed
		target += "&X-Amz-Security-Token=" + escape(c.Token)
	}
	return target
}

// Request signs an HTTP request for the data plane: it sets Authorization, X-Amz-Date and, with temporary credentials,
// X-Amz-Security-Token. body is what will be sent. Host, Content-Type and every X-Amz- field are under the signature.
func (s *Signer) Request(ctx context.Context, r *http.Request, body []byte) error {
	c, err := s.Credentials(ctx)
	if err != nil {
		return fmt.Errorf("sign %s %s: %w", r.Method, r.URL.Path, err)
	}
	s.request(c, ServiceData, r, body)
	return nil
}

func (s *Signer) request(c Credentials, service string, r *http.Request, body []byte) {
	at := s.scope(service)
	r.Header.Set("X-Amz-Date", at.stamp)
	if c.Token != "" {
		r.Header.Set("X-Amz-Security-Token", c.Token)
	}
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	fields := map[string]string{"host": host}
	for name, values := range r.Header {
		if name = strings.ToLower(name); name == "content-type" || strings.HasPrefix(name, "x-amz-") {
			fields[name] = canonicalValues(values)
		}
	}
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var head strings.Builder
	for _, name := range names {
		head.WriteString(name + ":" + fields[name] + "\n")
	}
	signed := strings.Join(names, ";")
	request := strings.Join([]string{r.Method, canonicalPath(r.URL.EscapedPath()), canonicalQuery(r.URL.Query()), head.String(), signed,
		hash(body)}, "\n")
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s", algorithm, c.AccessKey, at.scope,
		signed, at.sign(c.Secret, request)))
}

// scope is where and when a signature counts.
type scope struct{ stamp, day, region, service, scope string }

func (s *Signer) scope(service string) scope {
	stamp := s.Now().UTC().Format("20060102T150405Z")
	day := stamp[:8]
	return scope{stamp, day, s.Region, service, day + "/" + s.Region + "/" + service + "/aws4_request"}
}

// sign derives the key of this scope and signs a canonical request with it.
func (s scope) sign(secret, request string) string {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.day, s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, strings.Join([]string{algorithm, s.stamp, s.scope, hash([]byte(request))}, "\n")))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canonicalPath escapes each segment of a path that is escaped already: every service but S3 wants it twice.
func canonicalPath(path string) string {
	if path == "" {
		return "/"
	}
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i] = escape(segments[i])
	}
	return strings.Join(segments, "/")
}

// canonicalQuery orders by escaped names, then by escaped values.
func canonicalQuery(q url.Values) string {
	type pair struct{ name, value string }
	var pairs []pair
	for name, values := range q {
		for _, v := range values {
			pairs = append(pairs, pair{escape(name), escape(v)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

// canonicalValues joins the values of a field; runs of spaces become one.
func canonicalValues(values []string) string {
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(trimmed, ",")
}

// escape is percent-encoding of all but RFC 3986's unreserved characters, with capital hex digits. The escapes of package url leave
// other characters alone.
func escape(s string) string {
	const hexits = "0123456789ABCDEF"
	var b bytes.Buffer
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hexits[c>>4], hexits[c&15]})
		}
	}
	return b.String()
}

// TopicPath is the path of HTTPS publish for a topic, with every byte but the unreserved ones escaped, slashes among them. Source: AWS
// IoT Core developer guide, "HTTPS".
func TopicPath(topic string) string { return "/topics/" + escape(topic) }
