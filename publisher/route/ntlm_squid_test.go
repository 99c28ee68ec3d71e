package route

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"pinhole/publisher/publishertest"
)

// TestMain lets this program be squid's judge of NTLM logins too: with the arguments ntlm-helper, password in hex, binding in hex.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "ntlm-helper" {
		os.Exit(ntlmHelper(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// ntlmHelper speaks squid's protocol for NTLM helpers: YR and a NEGOTIATE, answered by TT and a CHALLENGE; then KK and an
// AUTHENTICATE, answered by AF and the user, or NA and why not. The proof is checked, and the binding, or that there is none.
func ntlmHelper(password, binding string) int {
	secret, err := hex.DecodeString(password)
	if err != nil {
		return 2
	}
	const nonce = "\x01\x23\x45\x67\x89\xab\xcd\xef"
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		what, token, _ := strings.Cut(in.Text(), " ")
		message, err := base64.StdEncoding.DecodeString(token)
		switch {
		case err != nil:
			fmt.Println("BH", err)
		case what == "YR" && bytes.HasPrefix(message, []byte("NTLMSSP\x00\x01\x00\x00\x00")):
			fmt.Println("TT", base64.StdEncoding.EncodeToString(makeChallenge(nonce, "CORP")))
		case what == "KK":
			user, domain, err := judgeNTLM(message, nonce, string(secret))
			if err == nil && bindingOf(message) != strings.TrimPrefix(binding, "none") {
				err = fmt.Errorf("bound to %q", bindingOf(message))
			}
			if err != nil {
				fmt.Println("NA", err)
			} else {
				fmt.Println("AF", domain+"\\"+user)
			}
		default:
			fmt.Println("BH what is", what)
		}
	}
	return 0
}

// TestNTLMThroughSquid delivers through a real squid that wants NTLM, over a plain port and over TLS, where the login is bound to
// squid's certificate.
func TestNTLMThroughSquid(t *testing.T) {
	m := publishertest.StartMosquitto(t)
	_, port, err := net.SplitHostPort(m.TLS)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := m.Client(t, "device")
	o := TLSOptions{CA: m.Folder + "/ca.pem", Cert: cert, Key: key, ServerName: "localhost"}
	ca := publishertest.NewCA(t, "Proxy CA")
	pair := ca.Server(t, nil, "127.0.0.1")
	file := caFile(t, ca)
	secret := hex.EncodeToString([]byte(canary))
	leaf := hashOf(t, pair.TLS.Certificate[0])
	for _, c := range []struct {
		name, scheme, binding string
		user, password        string
		want                  string // of the error
	}{
		{"plain", "http", "none", `CORP\me`, canary, ""},
		{"without a domain", "http", "none", "me", canary, ""},
		{"wrong password", "http", "none", `CORP\me`, "c4n-wrong", "it wants NTLM"},
		{"bound", "https", hex.EncodeToString(channelBinding(leaf)), `CORP\me`, canary, ""},
		{"bound to another", "https", hex.EncodeToString(channelBinding([]byte("another"))), `CORP\me`, canary, "it wants NTLM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := publishertest.Squid{Login: publishertest.SquidNTLM, Helper: []string{"ntlm-helper", secret, c.binding},
				Hosts: map[string]string{"broker.test": "127.0.0.1"}}
			if c.scheme == "https" {
				s.TLS = &pair
			}
			p := through(c.scheme, publishertest.StartSquid(t, s), c.user, c.password)
			if c.scheme == "https" {
				p.CA = file
			}
			r := via(t, "broker.test:"+port, o, p)
			if c.want != "" {
				refused(t, r, c.want, "does not take this user and password")
				return
			}
			deliver(t, r, "ntlm", m.Subscribe(t, "ntlm"))
			deliver(t, r, "again", m.Subscribe(t, "again")) // the scheme is known now
		})
	}
}
