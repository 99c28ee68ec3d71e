package route

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"
)

func TestParseChallenges(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields []string
		want   []challenge
	}{
		{"none", nil, nil},
		{"empty", []string{"", " ", ",,"}, nil},
		{"one", []string{`Basic realm="a b"`}, []challenge{{scheme: "Basic", params: map[string]string{"realm": "a b"}}}},
		{"names alone", []string{"Negotiate, NTLM", "Negotiate ,\tKerberos"}, []challenge{
			{scheme: "Negotiate"}, {scheme: "NTLM"}, {scheme: "Negotiate"}, {scheme: "Kerberos"}}},
		{"token", []string{"NTLM TlRMTVNTUAACAAA=="}, []challenge{{scheme: "NTLM", token: "TlRMTVNTUAACAAA=="}}},
		{"two in a field", []string{`Digest realm="x, y", nonce="n=\"1\\", stale=TRUE , qop="auth,auth-int", Basic realm=z`}, []challenge{
			{scheme: "Digest", params: map[string]string{"realm": "x, y", "nonce": `n="1\`, "stale": "TRUE", "qop": "auth,auth-int"}},
			{scheme: "Basic", params: map[string]string{"realm": "z"}}}},
		{"spaces around =", []string{`basic REALM = "x"`}, []challenge{{scheme: "basic", params: map[string]string{"realm": "x"}}}},
		{"twice", []string{`Digest nonce="1", nonce="2"`}, []challenge{{scheme: "Digest", params: map[string]string{"nonce": "1"}}}},
		{"token, then another", []string{`NTLM abc, Basic realm="r"`}, []challenge{{scheme: "NTLM", token: "abc"},
			{scheme: "Basic", params: map[string]string{"realm": "r"}}}},
		{"quote not closed", []string{`Basic realm="x`, "NTLM"}, []challenge{{scheme: "Basic", params: map[string]string{"realm": "x"}},
			{scheme: "NTLM"}}},
		{"unreadable", []string{`Basic realm="x", (), NTLM`}, []challenge{{scheme: "Basic", params: map[string]string{"realm": "x"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.want {
				if c.want[i].params == nil {
					c.want[i].params = map[string]string{}
				}
			}
			if got := parseChallenges(c.fields); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func FuzzParseChallenges(f *testing.F) {
	f.Add(`Digest realm="x, y", nonce="n=\"1\\", Basic realm=z, NTLM abc==, Negotiate`)
	f.Add(`Basic realm="`)
	f.Add(`a b=c d,,,=e "f`)
	f.Fuzz(func(t *testing.T, field string) {
		list := parseChallenges([]string{field})
		if len(list) > len(field) {
			t.Fatalf("%d challenges out of %d bytes", len(list), len(field))
		}
		for _, c := range list {
			if c.scheme == "" || c.token != "" && len(c.params) > 0 {
				t.Errorf("a challenge that cannot be: %q", c)
			}
			if d, err := newDigest(c); err == nil { // what is sent back can be read back
				value, response := d.answer("u", "p", "CONNECT", "h:1", "c")
				back := parseChallenges([]string{"Digest " + value})
				if len(back) != 1 || back[0].params["realm"] != d.realm || back[0].params["nonce"] != d.nonce ||
					back[0].params["opaque"] != d.opaque || back[0].params["response"] != response {
					t.Errorf("%q came back as %q", value, back)
				}
			}
		}
	})
}

// TestDigestVectors compares with the examples of the standards.
func TestDigestVectors(t *testing.T) {
	const (
		realm7616 = `realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ` +
			`opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", algorithm=`
		realm2617 = `realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`
	)
	for _, c := range []struct{ name, challenge, password, uri, cnonce, want string }{
		{"RFC 7616 section 3.9.1, MD5", realm7616 + "MD5", "Circle of Life", "/dir/index.html",
			"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "8ca523f5e9506fed4657c9700eebdbec"},
		{"RFC 7616 section 3.9.1, SHA-256", realm7616 + "SHA-256", "Circle of Life", "/dir/index.html",
			"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		{"RFC 2617 section 3.5", realm2617 + `, qop="auth,auth-int"`, "Circle Of Life", "/dir/index.html", "0a4f113b",
			"6629fae49393a05397450978507c4ef1"},
		{"RFC 2069, as RFC 2617 keeps it", realm2617, "Circle Of Life", "/dir/index.html", "",
			"670fd8c2df070c60b045671b8b24ff02"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := newDigest(parseChallenges([]string{"Digest " + c.challenge})[0])
			if err != nil {
				t.Fatal(err)
			}
			field, got := d.answer("Mufasa", c.password, "GET", c.uri, c.cnonce)
			if got != c.want || !strings.Contains(field, `response="`+c.want+`"`) {
				t.Errorf("got %s, want %s in %s", got, c.want, field)
			}
			if strings.Contains(field, "qop=") != d.qop || strings.Contains(field, "algorithm=") != strings.Contains(c.challenge, "algorithm=") {
				t.Errorf("field %s", field)
			}
		})
	}
}

func TestDigestThatCannotBeAnswered(t *testing.T) {
	for challenge, want := range map[string]string{
		`nonce="x", algorithm=SHA-512-256`: "SHA-512-256",
		`nonce="x", qop="auth-int"`:        "auth-int",
		`realm="x"`:                        "no nonce",
	} {
		if _, err := newDigest(parseChallenges([]string{"Digest " + challenge})[0]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", challenge, err)
		}
	}
}

// TestWhichScheme walks through what a proxy asks for, round by round: what is sent first, and what after each 407.
func TestWhichScheme(t *testing.T) {
	const (
		d   = `Digest realm="r", nonce="n", qop="auth"`
		old = `Digest realm="r", nonce="m", qop="auth", stale=true`
		sha = `Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256`
	)
	ntlm2 := "NTLM " + base64.StdEncoding.EncodeToString(challengeMessage(t, "12345678", "CORP"))
	for _, c := range []struct {
		name   string
		user   string
		known  scheme
		rounds []string // what the proxy asks for, challenges divided by |
		sends  []string // the beginnings of what is sent; one more than rounds unless it gives up
	}{
		{"nobody", "", unknown, []string{"Basic"}, []string{""}},
		{"Basic at once", "me", unknown, []string{"Basic"}, []string{"Basic bWU6"}},
		{"Digest, not Basic", "me", unknown, []string{"Basic|NTLM|" + d, d}, []string{"Basic ", `Digest username="me"`}},
		{"known Digest sends no password", "me", digest, []string{d, d}, []string{"", "Digest "}},
		{"stale once", "me", digest, []string{d, old, old}, []string{"", "Digest ", "Digest "}},
		{"SHA-256 before MD5", "me", digest, []string{d + "|" + sha}, []string{"", "Digest "}},
		{"NTLM", "me", unknown, []string{"NTLM|Basic", ntlm2, "NTLM|Basic"}, []string{"Basic ", "NTLM TlRMTVNTUAAB", "NTLM TlRMTVNTUAAD"}},
		{"known NTLM", "me", ntlm, []string{ntlm2}, []string{"NTLM TlRMTVNTUAAB", "NTLM TlRMTVNTUAAD"}},
		{"NTLM no more", "me", ntlm, []string{"Basic", "Basic"}, []string{"NTLM TlRMTVNTUAAB", "Basic "}},
		{"NTLM without a challenge", "me", ntlm, []string{"NTLM"}, []string{"NTLM TlRMTVNTUAAB"}},
		{"a domain is for NTLM", `CORP\me`, unknown, []string{"NTLM|Basic", ntlm2}, []string{"", "NTLM TlRMTVNTUAAB", "NTLM TlRMTVNTUAAD"}},
		{"a domain, but Basic", `CORP\me`, unknown, []string{"Basic", "Basic"}, []string{"", "Basic "}},
		{"Kerberos alone", "me", basic, []string{"Negotiate"}, []string{"Basic "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAuth(c.user, "secret", c.known)
			for i := 0; ; i++ {
				header, err := a.header("h:443")
				if err != nil {
					t.Fatal(err)
				}
				if i >= len(c.sends) {
					t.Fatalf("round %d: unexpected %q", i, header)
				}
				if !strings.HasPrefix(header, c.sends[i]) || c.sends[i] == "" && header != "" {
					t.Fatalf("round %d: sends %q, want %q", i, header, c.sends[i])
				}
				if strings.HasPrefix(c.name, "SHA-256") && i == 1 && !strings.Contains(header, "algorithm=SHA-256") {
					t.Errorf("sends %q", header)
				}
				if i == len(c.rounds) {
					return
				}
				again, err := a.challenged(parseChallenges(strings.Split(c.rounds[i], "|")))
				if err != nil {
					t.Fatal(err)
				}
				if !again {
					if i != len(c.sends)-1 {
						t.Errorf("gives up after round %d", i)
					}
					return
				}
			}
		})
	}
}

func TestUsersThatCannotLogIn(t *testing.T) {
	a := newAuth("me:you", "secret", unknown)
	if header, err := a.header("h:1"); header != "" || err != nil {
		t.Errorf("Basic with a colon in the user: %q %v", header, err)
	}
	if again, _ := a.challenged(parseChallenges([]string{"Basic"})); !again {
		t.Fatal("given up")
	}
	if _, err := a.header("h:1"); err == nil || !strings.Contains(err.Error(), "colon") {
		t.Errorf("got %v", err)
	}
}
