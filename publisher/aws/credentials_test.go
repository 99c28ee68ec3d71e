package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func env(m map[string]string) func(string) string { return func(name string) string { return m[name] } }

func TestFromEnv(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want Credentials
		err  string
	}{
		{map[string]string{"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S"}, Credentials{AccessKey: "A", Secret: "S"}, ""},
		{map[string]string{"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S", "AWS_SESSION_TOKEN": "T"},
			Credentials{AccessKey: "A", Secret: "S", Token: "T"}, ""},
		{nil, Credentials{}, ErrNone.Error()},
		{map[string]string{"AWS_ACCESS_KEY_ID": "A"}, Credentials{}, "AWS_SECRET_ACCESS_KEY is not"},
		{map[string]string{"AWS_SECRET_ACCESS_KEY": "S"}, Credentials{}, "AWS_ACCESS_KEY_ID is not"},
	} {
		got, err := FromEnv(env(c.env))(t.Context())
		check(t, got, err, c.want, c.err)
	}
}

// check compares credentials, and an error by what it must contain; no error may hold a secret.
func check(t *testing.T, got Credentials, err error, want Credentials, text string) {
	t.Helper()
	if text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
		t.Errorf("error %v, want %q", err, text)
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	const text = `# the usual
[default]
aws_access_key_id = A1
aws_secret_access_key=S1/+=
s3 =
  aws_access_key_id = nested

[ field ]
AWS_ACCESS_KEY_ID = A2
aws_secret_access_key = S2
aws_session_token = T2
; last
[half]
aws_access_key_id = A3
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for profile, c := range map[string]struct {
		want Credentials
		err  string
	}{
		"default": {Credentials{AccessKey: "A1", Secret: "S1/+="}, ""},
		"field":   {Credentials{AccessKey: "A2", Secret: "S2", Token: "T2"}, ""},
		"half":    {Credentials{}, "lacks aws_access_key_id or aws_secret_access_key"},
		"none":    {Credentials{}, "no profile [none]"},
	} {
		got, err := FromFile(path, profile)(t.Context())
		check(t, got, err, c.want, c.err)
	}
	if _, err := FromFile(path+".not", "default")(t.Context()); !errors.Is(err, ErrNone) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := FromFile(t.TempDir(), "default")(t.Context()); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("a folder: %v", err)
	}
}

func TestFirst(t *testing.T) {
	none := func(context.Context) (Credentials, error) { return Credentials{}, fmt.Errorf("%w here", ErrNone) }
	broken := func(context.Context) (Credentials, error) { return Credentials{}, errors.New("broken") }
	good := func(context.Context) (Credentials, error) { return Credentials{AccessKey: "A"}, nil }
	if c, err := First(none, good, broken)(t.Context()); err != nil || c.AccessKey != "A" {
		t.Errorf("got %v, %v", c, err)
	}
	if _, err := First(none, broken, good)(t.Context()); err == nil || err.Error() != "broken" {
		t.Errorf("a source that fails must not be passed over: %v", err)
	}
	if _, err := First(none, none)(t.Context()); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
}

func TestCached(t *testing.T) {
	now := time.Unix(1e9, 0)
	asked, fail, life := 0, false, time.Hour
	s := Cached(func(context.Context) (Credentials, error) {
		asked++
		if fail {
			return Credentials{}, errors.New("no way there")
		}
		c := Credentials{AccessKey: fmt.Sprint(asked)}
		if life > 0 {
			c.Expires = now.Add(life)
		}
		return c, nil
	}, func() time.Time { return now })
	want := func(step, key string) {
		t.Helper()
		c, err := s(t.Context())
		if key == "" && err == nil || key != "" && (err != nil || c.AccessKey != key) {
			t.Errorf("%s: got %+v, %v, want key %q", step, c, err, key)
		}
	}
	want("first", "1")
	now = now.Add(54 * time.Minute)
	want("kept", "1")
	now = now.Add(2 * time.Minute)
	want("renewed before the end", "2")
	fail, now = true, now.Add(56*time.Minute)
	want("not renewed, still good", "2")
	now = now.Add(5 * time.Minute)
	want("over", "")
	fail, life = false, 0
	want("endless", "5")
	want("endless ones are asked for each time", "6")
}

func TestFromIoT(t *testing.T) {
	var path, thing string
	status, body := 200, `{"credentials":{"accessKeyId":"A","secretAccessKey":"S","sessionToken":"T","expiration":"2026-11-24T04:00:00Z"}}`
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, thing = r.URL.EscapedPath(), r.Header.Get("x-amzn-iot-thingname")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer server.Close()
	s := FromIoT(server.Listener.Addr().String(), "pi/role", "greenhouse-7", server.Client())
	got, err := s(t.Context())
	check(t, got, err, Credentials{"A", "S", "T", time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)}, "")
	if path != "/role-aliases/pi%2Frole/credentials" || thing != "greenhouse-7" {
		t.Errorf("asked %s for thing %s", path, thing)
	}
	for _, c := range []struct {
		status    int
		body, err string
	}{
		{403, `{"message":"Access Denied"}`, `"403 Forbidden" (Access Denied)`},
		{404, "<html>", `"404 Not Found"`},
		{200, "<html>", "not the JSON"},
		{200, `{"credentials":{"accessKeyId":"A"}}`, "without an access key"},
		{200, `{"x":"` + strings.Repeat("y", 2*maxAnswer) + `"}`, "not the JSON"},
	} {
		status, body = c.status, c.body
		got, err := s(t.Context())
		check(t, got, err, Credentials{}, c.err)
	}
	server.Close()
	if _, err := s(t.Context()); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestFromContainer(t *testing.T) {
	var token string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token = r.Header.Get("Authorization")
		fmt.Fprint(w, `{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2026-11-24T04:00:00Z"}`)
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env        map[string]string
		err, token string
	}{
		{nil, ErrNone.Error(), ""},
		{map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL + "/x"}, "", ""},
		{map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t"}, "", "t"},
		{map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t",
			"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path}, "", "from a file"},
		{map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path + ".not"},
			"read the token", ""},
		{map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://10.0.0.1/x"}, "plain http to 10.0.0.1", ""},
		{map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "ftp://127.0.0.1/x"}, "neither http nor https", ""},
	} {
		token = ""
		got, err := FromContainer(env(c.env), server.Client())(t.Context())
		want := Credentials{}
		if c.err == "" {
			want = Credentials{"A", "S", "T", time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)}
		}
		check(t, got, err, want, c.err)
		if token != c.token {
			t.Errorf("token %q, want %q", token, c.token)
		}
	}
	for _, address := range []string{"http://169.254.170.2/x", "http://169.254.170.23/x", "http://[fd00:ec2::23]/x", "http://localhost:1/x",
		"http://[::1]/x", "https://anywhere.example/x"} {
		if err := checkProvider(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func FuzzFromFile(f *testing.F) {
	f.Add("[default]\naws_access_key_id=A\naws_secret_access_key=S\n")
	f.Add("[\n]=\n[default")
	path := filepath.Join(f.TempDir(), "credentials")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := FromFile(path, "default")(t.Context())
		if (err == nil) != (c.AccessKey != "" && c.Secret != "") {
			t.Errorf("%+v, %v", c, err)
		}
	})
}
