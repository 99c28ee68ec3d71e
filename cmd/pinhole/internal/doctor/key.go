package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"pinhole/publisher/route"
)

// keyFacts is what the key check leaves for the others.
type keyFacts struct {
	have bool // a certificate is configured
	bad  bool // it, or another file of the login, cannot be used
	noCA bool // neither can the file of the authorities
}

// soon is how long before its end a certificate is worth a warning.
const soon = 30 * 24 * time.Hour

// checkKey checks the files of the login: authorities, certificate, private key, password.
func (d *doctor) checkKey(context.Context) []Check {
	c := d.examineKey()
	d.key.bad = c.Verdict == Fail
	return []Check{c}
}

func (d *doctor) examineKey() Check {
	t := &d.p.TLS
	d.key.have = d.p.Broker.Secure() && t.Cert != "" && d.layers.Sign == nil
	if d.p.PasswordFile != "" {
		if text, err := os.ReadFile(d.p.PasswordFile); err != nil {
			return fail(fmt.Sprintf("the password file %s: %v", d.p.PasswordFile, cause(err)), you,
				"make it readable for the agent's user")
		} else if strings.TrimRight(string(text), "\r\n") == "" {
			return fail("the password file "+d.p.PasswordFile+" is empty", you, "write the password into it")
		}
	}
	if !d.p.Broker.Secure() {
		return skip(string(d.p.Broker.Scheme) + " uses no certificates")
	}
	if t.CA != "" {
		if _, err := route.LoadCA(t.CA); err != nil {
			d.key.noCA = true
			return fail(err.Error(), you, mend(err))
		}
	}
	switch {
	case d.layers.Sign != nil:
		return skip("requests are signed with AWS credentials in place of a certificate")
	case t.Cert != "":
	case d.p.AWS && d.p.Username == "" && d.p.Broker.Scheme == route.MQTTS:
		return fail("AWS IoT asks for a client certificate, and none is configured", you,
			"set publisher.tls.cert and publisher.tls.key")
	default:
		return skip("no client certificate is configured")
	}
	chain, err := d.certificates()
	if err != nil {
		return fail(err.Error(), you, mend(err))
	}
	return d.judge(chain)
}

// mend says what to do about a file.
func mend(err error) string {
	switch what := advice(err); {
	case errors.Is(err, fs.ErrNotExist):
		return "put the file there, or name the right one; a relative path starts at the configuration's folder, and systemd's credentials are " +
			"for the service alone"
	case errors.Is(err, fs.ErrPermission):
		return what + "; or run this as the agent's user"
	case what != "":
		return what
	}
	return "the file is damaged, or another one than it should be: copy it again"
}

// certificates reads the device's certificate, with its key and what stands behind it in the file; none if none is configured.
func (d *doctor) certificates() ([]*x509.Certificate, error) {
	t := &d.p.TLS
	if t.Cert == "" || !d.p.Broker.Secure() {
		return nil, nil
	}
	if err := route.CheckKeyFile(t.Key); err != nil {
		return nil, err
	}
	pair, err := route.LoadPair(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in %s: %w", len(chain)+1, t.Cert, err)
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// judge looks at a certificate that fits its key, and at those that are sent along to lead to its authority.
func (d *doctor) judge(chain []*x509.Certificate) Check {
	now, cert := d.now(), chain[0]
	kind, weak := keyKind(cert)
	evidence := fmt.Sprintf("the key fits; certificate of %s, issued by %s, valid until %s, %s", name(cert.Subject.String()),
		name(cert.Issuer.String()), cert.NotAfter.UTC().Format(time.DateOnly), kind)
	stray := 0 // place of the first that did not sign the one before it
	for i := len(chain) - 1; i > 0; i-- {
		if chain[i-1].CheckSignatureFrom(chain[i]) != nil {
			stray = i
		}
	}
	if n := len(chain); n > 1 {
		evidence += fmt.Sprintf(", chain of %d up to %s", n, name(chain[n-1].Subject.String()))
	}
	renew := "get a new certificate for this device and register it with the broker"
	if d.p.AWS {
		renew = "make a new certificate in AWS IoT (aws iot create-keys-and-certificate, attach policy and thing) and put it on the board"
	}
	switch {
	case now.Before(cert.NotBefore) && !d.trusted:
		return warn(evidence+"; by this clock it is not valid before "+cert.NotBefore.UTC().Format(time.DateTime), you, "see clock")
	case now.Before(cert.NotBefore):
		return fail(evidence+"; it is not valid before "+cert.NotBefore.UTC().Format(time.DateTime)+" UTC", you,
			"wait until then, or get another one")
	case now.After(cert.NotAfter) && d.failed[route.StageClock]:
		return warn(evidence+"; by this clock it has expired", you, "see clock")
	case now.After(cert.NotAfter):
		return fail(fmt.Sprintf("%s; it has expired, the clock says %s", evidence, now.Format(time.DateTime)), you, renew)
	case stray > 0:
		return warn(fmt.Sprintf("%s; but certificate %d of the file, %s, did not sign the one before it", evidence, stray+1,
			name(chain[stray].Subject.String())), you, "put the device's own certificate first, then the one that signed it, and so on")
	case len(cert.ExtKeyUsage) > 0 && !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) &&
		!slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny):
		return warn(evidence+"; it is not made for clients (extended key usage)", you,
			"many brokers refuse it: get one with clientAuth")
	case weak:
		return warn(evidence, you, "that is weak, and AWS IoT refuses it: take RSA-2048 or P-256")
	case cert.NotAfter.Sub(now) < soon:
		return warn(fmt.Sprintf("%s: in %s", evidence, plural(int(cert.NotAfter.Sub(now).Hours()/24), "day")), you, renew)
	}
	return ok(evidence)
}

// keyKind names the kind of a certificate's key, and whether it is too weak.
func keyKind(cert *x509.Certificate) (kind string, weak bool) {
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen()), k.N.BitLen() < 2048
	case *ecdsa.PublicKey:
		return k.Curve.Params().Name, k.Curve.Params().BitSize < 256
	case ed25519.PublicKey:
		return "Ed25519", false
	}
	return cert.PublicKeyAlgorithm.String(), false
}

// name quotes a certificate's subject or issuer.
func name(s string) string {
	if s == "" {
		return "nobody"
	}
	return fmt.Sprintf("%q", s)
}
