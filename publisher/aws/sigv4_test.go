package aws

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The known answers below are from AWS's published Signature Version 4 test suite (aws-sig-v4-test-suite: credentials AKIDEXAMPLE,
// 20150830T123600Z, us-east-1, service "service"). The suite normalizes paths and merges headers in further cases; what a publisher
// cannot send is left out.
var suite = Credentials{AccessKey: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}

func signer(at time.Time, c Credentials) *Signer {
	return &Signer{Region: "us-east-1", Now: func() time.Time { return at },
		Credentials: func(context.Context) (Credentials, error) { return c, nil }}
}

func TestSignatureSuite(t *testing.T) {
	s := signer(time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), suite)
	for _, c := range []struct {
		name, method, target, contentType, body, signed, want string
	}{
		{"get-vanilla", "GET", "/", "", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", "host;x-amz-date",
			"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-vanilla-utf8-query", "GET", "/?\u1234=bar", "", "", "host;x-amz-date",
			"2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
		{"post-vanilla", "POST", "/", "", "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"post-x-www-form-urlencoded", "POST", "/", "application/x-www-form-urlencoded", "Param1=value1", "content-type;host;x-amz-date",
			"ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequest(c.method, "https://example.amazonaws.com"+c.target, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			s.request(suite, "service", r, []byte(c.body))
			want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" + c.signed +
				", Signature=" + c.want
			if got := r.Header.Get("Authorization"); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// The known answers of the next two tests come from AWS's own library botocore 1.43.11 (SigV4QueryAuth, SigV4Auth), with the example
// keys of AWS's documentation.
var documented = Credentials{AccessKey: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

var documentedTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func TestWebSocketAddress(t *testing.T) {
	const want = "/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fiotdevicegateway" +
		"%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
		"&X-Amz-Signature=3ec863617e7e6afa53fc5669c7db4983300818ddc18e72db53c6408d00f60d94"
	got, err := signer(documentedTime, documented).WebSocket(t.Context(), "example.iot.us-east-1.amazonaws.com", "/mqtt")
	if err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	// The token changes nothing but the end.
	temporary := documented
	temporary.Token = "EXAMPLE/SESSION+TOKEN=="
	got, err = signer(documentedTime, temporary).WebSocket(t.Context(), "example.iot.us-east-1.amazonaws.com", "/mqtt")
	if err != nil || got != want+"&X-Amz-Security-Token=EXAMPLE%2FSESSION%2BTOKEN%3D%3D" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestPublishRequest(t *testing.T) {
	for token, want := range map[string]string{
		"": "SignedHeaders=content-type;host;x-amz-date, " +
			"Signature=8dbaba6322382694d4d49eb92b41edcfcbcfe4f15831af047d3dd9b47e3a39df",
		"EXAMPLE/SESSION+TOKEN==": "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, " +
			"Signature=259bb2855bd400b67e0846165309021298e09b832a112f82715d95112d3c94bf",
	} {
		c := documented
		c.Token = token
		body := `{"readings":[]}`
		r, err := http.NewRequest("POST", "https://example-ats.iot.us-east-1.amazonaws.com"+TopicPath("pinhole/greenhouse-7/readings")+"?qos=1",
			strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", "not under the signature")
		if err := signer(documentedTime, c).Request(t.Context(), r, []byte(body)); err != nil {
			t.Fatal(err)
		}
		want = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/iotdata/aws4_request, " + want
		if got := r.Header.Get("Authorization"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := r.Header.Get("X-Amz-Security-Token"); got != token {
			t.Errorf("token %q, want %q", got, token)
		}
	}
}

func TestSignerWithoutCredentials(t *testing.T) {
	s := &Signer{Region: "x", Now: time.Now, Credentials: First()}
	s.Credentials = FromEnv(func(string) string { return "" })
	if _, err := s.WebSocket(t.Context(), "h", "/mqtt"); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	r, err := http.NewRequest("POST", "https://h/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Request(t.Context(), r, nil); !errors.Is(err, ErrNone) || r.Header.Get("Authorization") != "" {
		t.Errorf("got %v, %v", err, r.Header)
	}
}

func TestTopicPath(t *testing.T) {
	for topic, want := range map[string]string{
		"pinhole/a/readings": "/topics/pinhole%2Fa%2Freadings",
		"$aws/rules/r/a b":   "/topics/%24aws%2Frules%2Fr%2Fa%20b",
		"ä%2F?#":             "/topics/%C3%A4%252F%3F%23",
	} {
		if got := TopicPath(topic); got != want {
			t.Errorf("%s: got %s, want %s", topic, got, want)
		}
	}
}
