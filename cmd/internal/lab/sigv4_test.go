package lab

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The signatures below are by AWS's own library, botocore 1.43.11, with the example keys of AWS's documentation.
const (
	signedPost = "POST /topics/pinhole%2Fd%20e%2Freadings?qos=1&b=%2F HTTP/1.1\r\nHost: localhost:8444\r\nContent-Type: application/json\r\n" +
		"X-Amz-Date: 20261124T120000Z\r\nX-Amz-Security-Token: TOKEN/+=\r\nUser-Agent: x\r\nAuthorization: AWS4-HMAC-SHA256 " +
		"Credential=AKIDEXAMPLE/20261124/eu-west-1/iotdata/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, " +
		"Signature=0f41d69ad41427a01e9854ba18295b1f94d772fa723bfefb9db4d3b734713ef8\r\n\r\n"
	signedGet = "GET /mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261124%2Feu-west-1%2Fiotdevicegateway" +
		"%2Faws4_request&X-Amz-Date=20261124T120000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=" +
		"39f773ad5e9a200c5422dfcaf1d94b7e4c773c3e0152340f1745505d5ac8fa3f HTTP/1.1\r\nHost: localhost:8444\r\n\r\n"
)

func TestVerify(t *testing.T) {
	const payload = `{"readings":[]}`
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name     string
		get      bool
		from, to string // a change of the request
		body     string
		late     time.Duration
		want     string // part of the error; "": taken
	}{
		{name: "post"},
		{name: "post, a field that is not signed", from: "User-Agent: x", to: "User-Agent: y"},
		{name: "post, 5 minutes late", late: maxSkew},
		{name: "post, later", late: maxSkew + time.Second, want: "signature expired: 20261124T120000Z"},
		{name: "post, early", late: -maxSkew - time.Second, want: "not yet current"},
		{name: "post, another body", body: "{}", want: "does not match"},
		{name: "post, another topic", from: "Fd%20e", to: "Fd%20f", want: "does not match"},
		{name: "post, another qos", from: "qos=1", to: "qos=0", want: "does not match"},
		{name: "post, query in another order", from: "qos=1&b=%2F", to: "b=%2F&qos=1"},
		{name: "post, another host", from: "localhost:8444", to: "localhost", want: "does not match"},
		{name: "post, another type", from: "application/json", to: "text/plain", want: "does not match"},
		{name: "post, another token", from: "TOKEN/+=", to: "TOKEN", want: "security token included in the request is invalid"},
		{name: "post, another key", from: "Credential=AKID", to: "Credential=AXID", want: "unknown access key"},
		{name: "post, another region", from: "eu-west-1", to: "eu-west-2", want: "scoped to eu-west-1/iotdata"},
		{name: "post, another service", from: "/iotdata/", to: "/iotdevicegateway/", want: "scoped to"},
		{name: "post, another day", from: "20261124/eu", to: "20261123/eu", want: "malformed"},
		{name: "post, no token signed", from: ";x-amz-security-token", to: "", want: "must be signed"},
		{name: "post, no host signed", from: "host;", to: "", want: "'Host' must be"},
		{name: "post, no signature", from: "Authorization", to: "X-Authorization", want: "missing authentication token"},
		{name: "post, half a credential", from: "/aws4_request", to: "", want: "credential must be"},
		{name: "get", get: true},
		{name: "get, hours late", get: true, late: 23 * time.Hour},
		{name: "get, a day late", get: true, late: 24*time.Hour + time.Second, want: "expired"},
		{name: "get, another path", get: true, from: "/mqtt?", to: "/mqtt2?", want: "does not match"},
		{name: "get, something added", get: true, from: "?X-Amz-Al", to: "?a=b&X-Amz-Al", want: "does not match"},
		{name: "get, a token for a key without", get: true, from: " HTTP/1.1", to: "&X-Amz-Security-Token=x HTTP/1.1", want: "token included"},
		{name: "get, longer", get: true, from: "=86400", to: "=604800", want: "does not match"},
		{name: "get, for ever", get: true, from: "=86400", to: "=604801", want: "X-Amz-Expires"},
		{name: "get, broken", get: true, from: "?X-Amz-Al", to: "?%zz=b&X-Amz-Al", want: "malformed"},
		{name: "get, another algorithm", get: true, from: "HMAC-SHA256", to: "HMAC-SHA1", want: "X-Amz-Algorithm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, service, body, token := signedPost, serviceData, payload, "TOKEN/+="
			if c.get {
				text, service, body, token = signedGet, serviceMQTT, "", ""
			}
			if c.from != "" && !strings.Contains(text, c.from) {
				t.Fatalf("%q does not occur", c.from)
			}
			if c.body != "" {
				body = c.body
			}
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, c.from, c.to))))
			if c.from == "" {
				r, err = http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
			}
			if err != nil {
				t.Fatal(err)
			}
			err = verify(r, []byte(body), service, noon.Add(c.late), func(key string) (string, string, bool) {
				return "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token, key == "AKIDEXAMPLE"
			})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
