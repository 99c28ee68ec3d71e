package route

import (
	"errors"

	"github.com/Azure/go-ntlmssp"
)

// ntlmMessage makes the next message of an NTLM login (MS-NLMP section 2.2.1): NEGOTIATE without a challenge of the proxy's,
// AUTHENTICATE with one, by NTLMv2. A user DOMAIN\name is divided; one of the form name@domain goes whole, with an empty domain.
// Neither the name of this machine nor the domain stands in NEGOTIATE, which goes out before anything is known of the proxy.
// binding ties the login to the TLS session that it is made in; nil: there is none.
func ntlmMessage(challenge, binding []byte, user, password string) ([]byte, error) {
	if challenge == nil {
		return ntlmssp.NewNegotiateMessage("", "")
	}
	if binding != nil {
		challenge = bindChallenge(challenge, binding)
	}
	message, err := ntlmssp.NewAuthenticateMessage(challenge, user, password, nil)
	if err != nil {
		return nil, errors.New("the proxy's NTLM challenge cannot be answered: " + printable(err.Error(), nil))
	}
	return message, nil
}
