package route

import "strings"

// challenge is one way to log in that a server offers (RFC 9110 section 11.3): a scheme with either a token or parameters.
type challenge struct {
	scheme string
	token  string            // token68
	params map[string]string // names in lower case, values unquoted; of two with one name the first counts
}

// parseChallenges reads the values of the Proxy-Authenticate fields. Each may hold several challenges, divided by the same commas
// that divide parameters. What cannot be read ends its field.
func parseChallenges(fields []string) []challenge {
	var list []challenge
	for _, field := range fields {
		p := parser{field}
		for {
			p.skip(" \t,")
			name := p.token()
			if name == "" {
				break
			}
			c := challenge{scheme: name, params: map[string]string{}}
			if p.skip(" \t") {
				c.token = p.token68()
				for c.token == "" && p.param(c.params) {
				}
			}
			list = append(list, c)
		}
	}
	return list
}

// parser eats a field's value from the front.
type parser struct{ rest string }

// skip eats any of these characters and reports whether there were some.
func (p *parser) skip(chars string) bool {
	rest := strings.TrimLeft(p.rest, chars)
	some := len(rest) < len(p.rest)
	p.rest = rest
	return some
}

// token eats a token (RFC 9110 section 5.6.2), "" if there is none.
func (p *parser) token() string {
	n := strings.IndexFunc(p.rest, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
	if n < 0 {
		n = len(p.rest)
	}
	t := p.rest[:n]
	p.rest = p.rest[n:]
	return t
}

// token68 eats what base64 looks like, if it is all that stands before the next comma; otherwise nothing.
func (p *parser) token68() string {
	text, _, _ := strings.Cut(p.rest, ",")
	t := strings.TrimRight(text, " \t")
	body := strings.TrimRight(t, "=")
	if body == "" || strings.ContainsFunc(body, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~+/", r))
	}) {
		return ""
	}
	p.rest = p.rest[len(text):]
	return t
}

// param eats NAME=VALUE with the commas before it; false, and nothing is eaten, if a new challenge begins.
func (p *parser) param(into map[string]string) bool {
	before := p.rest
	p.skip(" \t,")
	name := strings.ToLower(p.token())
	p.skip(" \t")
	if name == "" || !strings.HasPrefix(p.rest, "=") {
		p.rest = before
		return false
	}
	p.rest = p.rest[1:]
	p.skip(" \t")
	value, ok := p.quoted()
	if !ok {
		value = p.token()
	}
	if _, twice := into[name]; !twice {
		into[name] = value
	}
	return true
}

// quoted eats a quoted string (RFC 9110 section 5.6.4) and returns what it stands for.
func (p *parser) quoted() (string, bool) {
	if !strings.HasPrefix(p.rest, `"`) {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '"':
			p.rest = p.rest[i+1:]
			return b.String(), true
		case '\\':
			i++
			if i < len(p.rest) {
				b.WriteByte(p.rest[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	p.rest = "" // not closed: nothing after it can be told apart
	return b.String(), true
}

// quote writes a quoted string.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
