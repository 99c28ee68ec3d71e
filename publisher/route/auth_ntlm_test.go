package route

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"
)

// The proxy's side of NTLM, written from MS-NLMP and RFC 1320 and sharing nothing with the library that is used.

// md4 is RFC 1320.
func md4(data []byte) []byte {
	length := uint64(len(data)) * 8
	data = append(bytes.Clone(data), 0x80)
	for len(data)%64 != 56 {
		data = append(data, 0)
	}
	data = binary.LittleEndian.AppendUint64(data, length)
	state := [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
	orders := [3][16]int{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15},
		{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15},
	}
	shifts := [3][4]int{{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}}
	constants := [3]uint32{0, 0x5a827999, 0x6ed9eba1}
	functions := [3]func(x, y, z uint32) uint32{
		func(x, y, z uint32) uint32 { return x&y | ^x&z },
		func(x, y, z uint32) uint32 { return x&y | x&z | y&z },
		func(x, y, z uint32) uint32 { return x ^ y ^ z },
	}
	for ; len(data) > 0; data = data[64:] {
		a, b, c, d := state[0], state[1], state[2], state[3]
		for round := range 3 {
			for i, k := range orders[round] {
				sum := a + functions[round](b, c, d) + binary.LittleEndian.Uint32(data[4*k:]) + constants[round]
				a, b, c, d = d, bits.RotateLeft32(sum, shifts[round][i%4]), b, c
			}
		}
		state[0], state[1], state[2], state[3] = state[0]+a, state[1]+b, state[2]+c, state[3]+d
	}
	var out []byte
	for _, word := range state {
		out = binary.LittleEndian.AppendUint32(out, word)
	}
	return out
}

func TestMD4(t *testing.T) {
	for text, want := range map[string]string{ // RFC 1320 appendix A.5
		"":               "31d6cfe0d16ae931b73c59d7e0c089c0",
		"abc":            "a448017aaf21d8525fc10ae87aa6729d",
		"message digest": "d9130a8164549fe818874806e1c7014b",
		"12345678901234567890123456789012345678901234567890123456789012345678901234567890": "e33b4ddc9c38f2199c3e7b164fcc0536",
	} {
		if got := hex.EncodeToString(md4([]byte(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// ntlmv2 is NTProofStr of MS-NLMP section 3.3.2.
func ntlmv2(user, domain, password string, nonce, temp []byte) []byte {
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(md5.New, key)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	key := mac(md4(utf16le(password)), utf16le(strings.ToUpper(user)+domain))
	return mac(key, nonce, temp)
}

// TestNTLMv2Vector: MS-NLMP section 4.2.4.2.2, so that the judge below can be believed.
func TestNTLMv2Vector(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	temp := unhex("0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000" +
		"02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000")
	got := hex.EncodeToString(ntlmv2("User", "Domain", "Password", unhex("0123456789abcdef"), temp))
	if want := "68cd0ab851e51c96aabc927bebef6a1c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// challengeMessage is a CHALLENGE message (MS-NLMP section 2.2.1.2) with a target name and target information, as a domain
// controller sends it.
func challengeMessage(t *testing.T, nonce, domain string) []byte {
	t.Helper()
	if len(nonce) != 8 {
		t.Fatal("a nonce has 8 bytes")
	}
	return makeChallenge(nonce, domain)
}

func makeChallenge(nonce, domain string) []byte {
	target := utf16le(domain)
	var info []byte
	for id, value := range [][]byte{1: utf16le("PROXY"), 2: target, 3: utf16le("proxy.corp.example"), 7: []byte("\x00\x90\xd3\x36\xb7\x34\xc3\x01")} {
		if value != nil {
			info = binary.LittleEndian.AppendUint16(info, uint16(id))
			info = binary.LittleEndian.AppendUint16(info, uint16(len(value)))
			info = append(info, value...)
		}
	}
	info = append(info, 0, 0, 0, 0)
	const head = 56
	field := func(b []byte, n, at int) []byte {
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
		return binary.LittleEndian.AppendUint32(b, uint32(at))
	}
	b := append([]byte("NTLMSSP\x00"), 2, 0, 0, 0)
	b = field(b, len(target), head)
	b = binary.LittleEndian.AppendUint32(b, 0x00890205) // unicode, target, NTLM, domain, extended security, target info
	b = append(append(b, nonce...), make([]byte, 8)...)
	b = field(b, len(info), head+len(target))
	b = append(b, 10, 0, 0x61, 0x4a, 0, 0, 0, 15) // version
	return append(append(b, target...), info...)
}

// judgeNTLM checks an AUTHENTICATE message and returns who logs in.
func judgeNTLM(message []byte, nonce, password string) (user, domain string, err error) {
	field := func(at int) []byte {
		n, from := int(binary.LittleEndian.Uint16(message[at:])), int(binary.LittleEndian.Uint32(message[at+4:]))
		if from+n > len(message) {
			err = errors.New("a field goes beyond the message")
			return nil
		}
		return message[from : from+n]
	}
	if len(message) < 64 || !bytes.HasPrefix(message, []byte("NTLMSSP\x00\x03\x00\x00\x00")) {
		return "", "", errors.New("no AUTHENTICATE message")
	}
	response, who, where := field(20), field(36), field(28)
	if err != nil {
		return "", "", err
	}
	text := func(b []byte) string {
		var units []uint16
		for i := 0; i+1 < len(b); i += 2 {
			units = append(units, binary.LittleEndian.Uint16(b[i:]))
		}
		return string(utf16.Decode(units))
	}
	user, domain = text(who), text(where)
	if len(response) < 16+28 {
		return user, domain, errors.New("the response is not of NTLMv2")
	}
	if !hmac.Equal(response[:16], ntlmv2(user, domain, password, []byte(nonce), response[16:])) {
		return user, domain, errors.New("NTProofStr is wrong")
	}
	return user, domain, nil
}

// bindingOf is the channel binding in an AUTHENTICATE message, in hex; "" if there is none.
func bindingOf(message []byte) string {
	n, from := int(binary.LittleEndian.Uint16(message[20:])), int(binary.LittleEndian.Uint32(message[24:]))
	if from+n > len(message) || n < 16+28 {
		return ""
	}
	for list := message[from+16+28 : from+n]; len(list) >= 4; { // after the proof and the fixed part of the client's challenge
		id, size := binary.LittleEndian.Uint16(list), int(binary.LittleEndian.Uint16(list[2:]))
		if id == 0 || len(list) < 4+size {
			break
		}
		if id == 10 {
			return hex.EncodeToString(list[4 : 4+size])
		}
		list = list[4+size:]
	}
	return ""
}

// TestChannelBinding has vectors that others publish: of Microsoft's description of extended protection, and of python's ntlm-auth.
func TestChannelBinding(t *testing.T) {
	for hash, want := range map[string]string{
		"ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95": "6586e99d81c2fc984e47172fd4dd0310",
		"e3ca49271e5089cc48ce82109f1324f41dbeddc29a777410c738f7868c4ff405": "6ea19df066da4622051f9c4f92c6df74",
	} {
		raw, err := hex.DecodeString(hash)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(channelBinding(raw)); got != want {
			t.Errorf("%s: %s, want %s", hash, got, want)
		}
	}
}

// hashOf is the hash of a certificate whose signature is of SHA-256.
func hashOf(t *testing.T, der []byte) []byte {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil || c.SignatureAlgorithm != x509.ECDSAWithSHA256 && c.SignatureAlgorithm != x509.SHA256WithRSA {
		t.Fatal(c.SignatureAlgorithm, err)
	}
	sum := sha256.Sum256(der)
	return sum[:]
}

// TestBindingsOfDamagedChallenges: what cannot be read is left as it is, and what can keeps everything that was there.
func TestBindingsOfDamagedChallenges(t *testing.T) {
	good, binding := makeChallenge("12345678", "CORP"), bytes.Repeat([]byte{7}, 16)
	for n := range good {
		if got := bindChallenge(good[:n], binding); !bytes.Equal(got, good[:n]) {
			t.Errorf("the first %d of %d bytes were changed", n, len(good))
		}
	}
	bare := bytes.Clone(good)
	bare[22] &^= 0x80 // it says that it has no attributes
	if !bytes.Equal(bindChallenge(bare, binding), bare) {
		t.Error("a challenge without attributes was changed")
	}
	message, err := ntlmMessage(good, binding, `CORP\me`, canary)
	if err != nil {
		t.Fatal(err)
	}
	if user, domain, err := judgeNTLM(message, "12345678", canary); err != nil || user != "me" || domain != "CORP" {
		t.Errorf("%s %s %v", user, domain, err)
	}
	if got := bindingOf(message); got != hex.EncodeToString(binding) {
		t.Errorf("bound to %s", got)
	}
}

func FuzzBindChallenge(f *testing.F) {
	f.Add(makeChallenge("12345678", "CORP"))
	f.Fuzz(func(t *testing.T, challenge []byte) {
		if got := bindChallenge(challenge, make([]byte, 16)); len(got) < len(challenge) {
			t.Error("it has become shorter")
		}
	})
}

// TestNTLMProxy logs in at a strict proxy: each message on the one connection, the proof right, the domain where it belongs.
func TestNTLMProxy(t *testing.T) {
	const nonce = "\x01\x23\x45\x67\x89\xab\xcd\xef"
	ask := fmt.Sprintf("NTLM %s", base64.StdEncoding.EncodeToString(challengeMessage(t, nonce, "CORP")))
	for _, c := range []struct {
		name, user, password string
		close                int // the proxy closes after this many answers
		who                  string
		want                 string // of the error
	}{
		{"name", "me", canary, 0, `/me`, ""},
		{"domain", `CORP\me`, canary, 0, `CORP/me`, ""},
		{"mail form", "me@corp.example", canary, 0, `/me@corp.example`, ""},
		{"umlaut", `CORP\jürgen`, canary, 0, `CORP/jürgen`, ""},
		{"closed before NTLM began", "me", canary, 1, `/me`, ""},
		{"closed in the middle", `CORP\me`, canary, 2, ``, "in the middle of an NTLM login"},
		{"wrong password", `CORP\me`, "c4n-wrong", 0, ``, "answered 407 Proxy Authentication Required; it wants NTLM or Negotiate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			who := make(chan string, 1)
			over := proxyFunc(func(conn net.Conn, visit int) {
				begun := false
				answers := c.close
				for r := range requests(t, conn) {
					answers--
					value, _ := strings.CutPrefix(r.Header.Get("Proxy-Authorization"), "NTLM ")
					message, _ := base64.StdEncoding.DecodeString(value)
					closing := visit == 1 && answers == 0
					switch {
					case bytes.HasPrefix(message, []byte("NTLMSSP\x00\x01\x00\x00\x00")):
						begun = true
						answer407(conn, closing, ask)
					case begun && len(message) > 0:
						user, domain, err := judgeNTLM(message, nonce, canary)
						if err != nil {
							answer407(conn, closing, "NTLM", "Negotiate")
							break
						}
						who <- domain + "/" + user
						tunnelled(conn)
						return
					default:
						answer407(conn, closing, "NTLM", "Negotiate")
					}
					if closing {
						return
					}
				}
			})
			layer := &connect{over: over, hop: testHop("http", c.user, c.password)}
			for range 2 { // the second time it is known what the proxy wants
				conn, err := layer.DialContext(t.Context(), "tcp", "broker.test:443")
				if c.want != "" {
					checkContains(t, err, StageProxy, c.want, "")
					noSecrets(t, err)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := <-who; got != c.who {
					t.Errorf("%q logged in, want %q", got, c.who)
				}
				echoes(t, conn)
			}
		})
	}
}

func TestNTLMChallengesThatCannotBeAnswered(t *testing.T) {
	good := challengeMessage(t, "12345678", "CORP")
	for n := range good {
		if n < 48 || n > 60 && n < len(good)-4 {
			if _, err := ntlmMessage(good[:n], nil, "me", "pw"); err == nil {
				t.Errorf("the first %d of %d bytes were answered", n, len(good))
			}
		}
	}
	if _, err := ntlmMessage(good, nil, "me", "pw"); err != nil {
		t.Error(err)
	}
}

func answer407(conn net.Conn, closing bool, challenges ...string) {
	var b strings.Builder
	b.WriteString("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 5\r\n")
	for _, c := range challenges {
		b.WriteString("Proxy-Authenticate: " + c + "\r\n")
	}
	if closing {
		b.WriteString("Connection: close\r\n")
	}
	_, _ = conn.Write([]byte(b.String() + "\r\nnope\n")) // the client may be gone
}

func tunnelled(conn net.Conn) {
	_, _ = conn.Write([]byte("HTTP/1.1 200 " + http.StatusText(http.StatusOK) + "\r\n\r\n")) // the client may be gone
	echo(conn)
}
