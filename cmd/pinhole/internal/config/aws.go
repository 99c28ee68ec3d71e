package config

import (
	"slices"
	"strings"

	"pinhole/publisher/aws"
	"pinhole/publisher/route"
)

// AWS says how requests are signed that carry no certificate: MQTT inside WebSocket, and HTTPS publish where that is wanted.
type AWS struct {
	Given           bool   // the section says something
	Region          string // "" if nothing is signed
	CredentialsFile string // absolute; "" for the usual places
	Profile         string // in the file; "" for the usual one
	RoleAlias       string // "" if the credentials provider is not asked
	Provider        string // HOST or HOST:PORT of the account's credentials provider
	Thing           string // what the provider is told; "" is nothing
}

// aws reads the section. The broker is known by now.
func (p *parser) aws(o *object, device string, c *Publisher) (a AWS) {
	s := o.section("aws")
	name := func(key string) string {
		v := s.get(key)
		text := v.text("")
		if strings.ContainsAny(text, " /?#%") || badText(text) != "" {
			v.problem("is no name that AWS gives", "")
		}
		return text
	}
	a.Region = name("region")
	a.CredentialsFile = s.get("credentials_file").credential()
	a.Profile = s.get("profile").text("")
	provider := s.get("credentials_provider")
	if a.Provider = provider.text(""); a.Provider != "" {
		if b, err := route.ParseBroker("https://" + a.Provider); err != nil || b.Path != "" {
			provider.problem("must be a host, but is "+quote(a.Provider),
				"`aws iot describe-endpoint --endpoint-type iot:CredentialProvider` prints it")
		}
	}
	a.RoleAlias = name("role_alias")
	a.Thing = s.get("thing").fillIn(name("thing"), device)
	s.done()
	a.Given = a != (AWS{})
	if a.Region == "" {
		a.Region = aws.Region(c.Broker.Host)
	}
	switch {
	case !a.Given || c.Broker.Host == "":
	case a.RoleAlias != "" && a.Provider == "":
		p.addAt("publisher.aws.role_alias", "is given without the provider that knows it", "set aws.credentials_provider too")
	case a.RoleAlias == "" && a.Provider != "":
		p.addAt("publisher.aws.credentials_provider", "is given without a role", "set aws.role_alias too")
	case a.Region == "":
		p.addAt("publisher.aws", "lacks the region, which this broker's name does not tell", "add region: eu-west-1, or wherever it is")
	}
	return a
}

// awsFits says what cannot work with the rest. TLS and the further ways out are known by now.
func (p *parser) awsFits(c *Publisher) {
	if !c.Sign.Given {
		return
	}
	if c.Sign.RoleAlias != "" && c.TLS.Cert == "" {
		p.addAt("publisher.aws.role_alias", "needs the device's certificate, by which the provider knows it", "set tls.cert and tls.key")
	}
	signed := func(b route.Broker) bool { return b.Scheme == route.WSS || b.Scheme == route.HTTPS }
	if !signed(c.Broker) && !slices.ContainsFunc(c.Routes, signed) {
		p.warnAt("publisher.aws", "signs nothing: only wss and https are signed", "remove it, or add wss to publisher.routes")
	}
}
