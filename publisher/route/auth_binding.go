package route

import (
	"bytes"
	"crypto"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net"
)

// endPoint is what a login over conn can be bound to, so that nobody in between can pass it on: the hash of the server's certificate
// (tls-server-end-point, RFC 5929 section 4) in the form that NTLM sends (MS-NLMP section 2.2.2.1, MsvAvChannelBindings). nil where
// there is no TLS, or the certificate's signature has no hash.
func endPoint(conn net.Conn) []byte {
	session, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	chain := session.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return nil
	}
	hash := crypto.SHA256 // also in place of MD5 and SHA-1
	switch chain[0].SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		hash = crypto.SHA512
	case x509.PureEd25519, x509.UnknownSignatureAlgorithm:
		return nil
	}
	h := hash.New()
	h.Write(chain[0].Raw)
	return channelBinding(h.Sum(nil))
}

// channelBinding is the MD5 of gss_channel_bindings_struct: no addresses, and the certificate's hash as the application's data.
func channelBinding(certificate []byte) []byte {
	data := append([]byte("tls-server-end-point:"), certificate...)
	sum := md5.Sum(append(binary.LittleEndian.AppendUint32(make([]byte, 16), uint32(len(data))), data...))
	return sum[:]
}

// Of an NTLM challenge (MS-NLMP section 2.2.1.2): where it says what it has, and where its list of attributes is.
const (
	ntlmFlags      = 20
	ntlmTargetInfo = 40 // length twice, and offset
	ntlmHead       = 48
	ntlmHasInfo    = 1 << 23 // NTLMSSP_NEGOTIATE_TARGET_INFO
	ntlmBinding    = 10      // MsvAvChannelBindings
)

// bindChallenge adds the binding to the attributes of a challenge. What answers a challenge repeats them under the proof, so that is how
// the binding gets there: the library has no other way for it. A challenge without attributes, or one that is damaged, stays as it is.
func bindChallenge(challenge, binding []byte) []byte {
	if len(challenge) < ntlmHead || binary.LittleEndian.Uint32(challenge[ntlmFlags:])&ntlmHasInfo == 0 {
		return challenge
	}
	n, from := int(binary.LittleEndian.Uint16(challenge[ntlmTargetInfo:])), int64(binary.LittleEndian.Uint32(challenge[ntlmTargetInfo+4:]))
	if from+int64(n) > int64(len(challenge)) {
		return challenge
	}
	info := challenge[from : from+int64(n)]
	end := 0
	for { // to the attribute that ends the list: id 0, no value
		if len(info) < end+4 {
			return challenge
		}
		if binary.LittleEndian.Uint16(info[end:]) == 0 {
			break
		}
		end += 4 + int(binary.LittleEndian.Uint16(info[end+2:]))
	}
	bound := bytes.Clone(info[:end])
	bound = binary.LittleEndian.AppendUint16(bound, ntlmBinding)
	bound = binary.LittleEndian.AppendUint16(bound, uint16(len(binding)))
	bound = append(append(bound, binding...), 0, 0, 0, 0)
	if len(bound) > 0xFFFF {
		return challenge
	}
	out := append(bytes.Clone(challenge), bound...)
	binary.LittleEndian.PutUint16(out[ntlmTargetInfo:], uint16(len(bound)))
	binary.LittleEndian.PutUint16(out[ntlmTargetInfo+2:], uint16(len(bound)))
	binary.LittleEndian.PutUint32(out[ntlmTargetInfo+4:], uint32(len(challenge)))
	return out
}
