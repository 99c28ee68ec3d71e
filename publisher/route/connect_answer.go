package route

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// ProxyAnswer is the refusal of an HTTP proxy, as an error. Its texts come from the proxy; they are made printable and short, and
// withheld where they repeat the login.
type ProxyAnswer struct {
	Status int      // of HTTP, RFC 9110 section 15
	Reason string   // the words beside it
	Wants  []string // the authentication schemes that the proxy takes, as it spells them
	Squid  string   // X-Squid-Error: what squid says about the cause, such as ERR_ACCESS_DENIED 0

	challenges []challenge
}

func newAnswer(resp *http.Response, secrets []string) *ProxyAnswer {
	_, reason, _ := strings.Cut(resp.Status, " ")
	a := &ProxyAnswer{Status: resp.StatusCode, Reason: printable(reason, secrets),
		Squid: printable(resp.Header.Get("X-Squid-Error"), secrets)}
	a.challenges = parseChallenges(resp.Header.Values("Proxy-Authenticate"))
	for _, c := range a.challenges {
		if len(a.Wants) < 8 {
			a.Wants = append(a.Wants, printable(c.scheme, secrets))
		}
	}
	return a
}

func (a *ProxyAnswer) Error() string {
	text := fmt.Sprintf("the proxy answered %d %s", a.Status, a.Reason)
	text = strings.TrimSuffix(text, " ")
	if a.Squid != "" {
		text += " (" + a.Squid + ")"
	}
	if len(a.Wants) > 0 {
		text += "; it wants " + strings.Join(a.Wants, " or ")
	}
	return text
}

// hint says what a person can do about this answer.
func (a *ProxyAnswer) hint(t *talk) string {
	from := t.hop.from
	switch {
	case a.Status == http.StatusProxyAuthRequired && t.auth.user == "":
		if !a.known() {
			return a.foreign(from)
		}
		if from == "publisher.proxy" {
			return "write the user into publisher.proxy, http://USER@HOST:PORT, and name a file with the password in proxy_password_file"
		}
		return "write user and password into " + from + ": http://USER:PASSWORD@HOST:PORT"
	case a.Status == http.StatusProxyAuthRequired && !a.known():
		return a.foreign(from)
	case a.Status == http.StatusProxyAuthRequired:
		hint := "the proxy does not take this user and password; check both"
		if a.offers("NTLM") && !strings.ContainsAny(t.auth.user, `\@`) {
			hint += `, and whether it needs the domain: DOMAIN%5CUSER`
		}
		return hint
	case a.Status == http.StatusForbidden && !strings.HasSuffix(t.addr, ":443"):
		return "the proxy forbids this destination, and most let only port 443 through; ask its operator for CONNECT to " + t.addr
	case a.Status == http.StatusForbidden, a.Status == http.StatusUnauthorized, a.Status == http.StatusUnavailableForLegalReasons:
		return "the proxy forbids this destination; ask its operator for CONNECT to " + t.addr + ", without TLS inspection"
	case a.Status/100 == 3:
		return "a login page answers in place of the proxy; log in to the network, or check " + from
	case a.Status == http.StatusBadRequest && t.hop.scheme == "http":
		return "is this the port of a proxy, and one without TLS? If it has TLS, write https:// in " + from
	case a.Status == http.StatusNotFound, a.Status == http.StatusMethodNotAllowed, a.Status == http.StatusNotImplemented,
		a.Status == http.StatusBadRequest:
		return "that is a web server, or a proxy that does not do CONNECT; check host and port in " + from
	case a.Status/100 == 5 && strings.Contains(a.Squid, "DNS"):
		return "the proxy itself cannot resolve the broker's name; compare publisher.broker letter by letter, then ask the proxy's operator"
	case a.Status/100 == 5:
		return "the proxy itself cannot reach the broker or resolve its name; check publisher.broker, then ask the proxy's operator about " + t.addr
	}
	return "see the proxy's log"
}

// known reports whether one of the wanted schemes can be spoken.
func (a *ProxyAnswer) known() bool {
	return a.offers("Basic") || a.offers("Digest") || a.offers("NTLM")
}

func (a *ProxyAnswer) offers(name string) bool {
	for _, c := range a.challenges {
		if strings.EqualFold(c.scheme, name) {
			return true
		}
	}
	return false
}

// foreign is the way out where a proxy wants what is not spoken here, usually Negotiate, which is Kerberos.
func (a *ProxyAnswer) foreign(from string) string {
	return "of these none is spoken here (Basic, Digest and NTLM are); ask for an exception for this device, or run a helper that does, " +
		"such as squid with login=NEGOTIATE (see README), on this machine and name it in " + from
}

var (
	errLongHead = fmt.Errorf("the head of the proxy's answer has more than %d KiB", maxHead>>10)
	errCutOff   = errors.New("the proxy hung up in the middle of its answer")
)

// malformed words an answer that begins like HTTP and is none. What err quotes of it is left out.
func malformed(err error) error {
	text, _, _ := strings.Cut(err.Error(), `"`)
	text, _, _ = strings.Cut(text, ":")
	return errors.New("the proxy's answer is malformed: " + strings.TrimSpace(printable(text, nil)))
}

// notHTTP is an answer in another language.
type notHTTP struct {
	start string // the first byte
	text  string // what it says, for people
}

func newNotHTTP(r *bufio.Reader, secrets []string) *notHTTP {
	start, _ := r.Peek(r.Buffered())
	text := []rune(printable(string(start), secrets))
	return &notHTTP{start: string(start[:1]), text: string(text[:min(len(text), 40)])}
}

func (n *notHTTP) Error() string {
	return fmt.Sprintf("what answers is no HTTP proxy, it says %q", n.text)
}

func (n *notHTTP) hint(from string) string {
	switch n.start[0] {
	case 5:
		return "it looks like a SOCKS proxy; write socks5:// in " + from
	case 0x15, 0x16: // TLS records: alert and handshake
		return "it speaks TLS; write https:// in " + from
	}
	return "check host and port in " + from
}

// printable makes a text of the peer's fit for a log: one line, no control characters, not long, and nothing of the login.
func printable(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" && strings.Contains(text, s) {
			return "[withheld: it repeats the login]"
		}
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, text)
	if r := []rune(text); len(r) > 120 {
		text = string(r[:120]) + "..."
	}
	return text
}
