package lab

// Where faults are.
const (
	whereDevice  = "device"
	whereName    = "name"
	whereNetwork = "network"
	whereProxy   = "proxy"
	whereTLS     = "TLS"
	whereMQTT    = "MQTT"
)

type faultRow struct {
	FaultHelp
	arg argument
}

// faultTable has each fault: name, argument, its default, place, what it does, whom doctor blames for it, what doctor says.
var faultTable = []faultRow{
	{FaultHelp{"key-open", "", "", whereDevice, "the private key may be read by everybody",
		"key", "chmod 600"}, argNone},
	{FaultHelp{"device-expired", "", "", whereDevice, "the device's certificate expired yesterday",
		"key", "it has expired"}, argNone},
	{FaultHelp{"device-future", "", "", whereDevice, "the device's certificate is not valid before tomorrow",
		"key", "it is not valid before"}, argNone},
	{FaultHelp{"device-other-key", "", "", whereDevice, "the device's certificate was made for another key",
		"key", "does not belong to the certificate"}, argNone},
	{FaultHelp{"device-stranger", "", "", whereDevice, "the device's certificate comes from an authority that the endpoint does not know",
		"tls", "does not know the authority that signed this device's certificate"}, argNone},
	{FaultHelp{"bus-missing", "", "", whereDevice, "a sensor is attached to I2C bus 77, which no machine has",
		"bus", "/dev/i2c-77 (for air) does not exist"}, argNone},
	{FaultHelp{"bus-denied", "", "", whereDevice, "the user is not in the group of the I2C bus: a /dev of its own, in a namespace",
		"bus", "usermod -aG i2c"}, argNone},
	{FaultHelp{"disk-full", "", "", whereDevice, "the queue's disk is full: a small one of its own, in a namespace",
		"disk", "the disk is full"}, argNone},
	{FaultHelp{"disk-read-only", "", "", whereDevice, "the queue's disk has turned read-only, in a namespace",
		"disk", "read-only"}, argNone},
	{FaultHelp{"clock-behind", "", "", whereDevice, "the endpoint's certificate begins tomorrow, as all do for a clock that begins in 1970",
		"clock", "this machine's clock says"}, argNone},
	{FaultHelp{"clock-ahead", "", "", whereDevice, "all certificates expired yesterday, as all have for a clock that is years ahead; doctor blames a\n" +
		"clock that nothing keeps right, and the device's certificate if something does",
		"clock", "expired"}, argNone},

	{FaultHelp{"no-such-name", "", "", whereName, "the broker's name does not exist",
		"dns", noSuchName}, argNone},
	{FaultHelp{"proxy-only-name", "", "", whereName, "a proxy alone knows the broker's name, and none is configured",
		"dns", "resolves names by itself"}, argNone},
	{FaultHelp{"legacy-endpoint", "", "", whereName, "the name of AWS's older endpoint, without -ats, which Amazon's own roots do not sign",
		"tls", "use the one with -ats"}, argNone},

	{FaultHelp{"port-dropped", "", "", whereNetwork, "a firewall drops what begins a connection",
		"tcp", "packets are dropped"}, argNone},
	{FaultHelp{"port-refused", "", "", whereNetwork, "a firewall answers with a reset, or nothing listens",
		"tcp", "refused"}, argNone},
	{FaultHelp{"ipv6-dead", "", "", whereNetwork, "the name has an IPv6 address that leads nowhere: a hosts file of its own, in a namespace",
		"", "IPv6 leads nowhere"}, argNone},
	{FaultHelp{"tls-stall", "", "", whereNetwork, "accepts TCP and never answers the ClientHello",
		"tls", "TLS as such is blocked"}, argNone},
	{FaultHelp{"tls-reset", "", "", whereNetwork, "accepts TCP and resets the connection on the first byte",
		"tls", "TLS as such is blocked"}, argNone},
	{FaultHelp{"sni-block", "HOW", howReset, whereNetwork, "a firewall ends what asks for the endpoint's name: HOW is reset, close or silence",
		"tls", "a firewall filters by server name (SNI)"}, argHow},
	{FaultHelp{"alpn-block", "HOW", howReset, whereNetwork, "a firewall ends what offers AWS's ALPN names",
		"alpn", "a firewall filters by ALPN"}, argHow},
	{FaultHelp{"hello-block", "HOW", howReset, whereNetwork, "a firewall ends ClientHellos that need two packets; the agent gets by with a small one",
		"", "something on the way drops large ones"}, argHow},
	{FaultHelp{"http", "", "", whereNetwork, "answers the TLS handshake with a plain HTTP page, as a captive portal does",
		"intercepted", "an HTTP server answered instead"}, argNone},
	{FaultHelp{"inspect", "", "", whereNetwork, "a TLS inspection stands before the endpoint, with an authority that nobody trusts",
		"intercepted", "it does not ask for this device's certificate"}, argNone},
	{FaultHelp{"inspect-trusted", "", "", whereNetwork, "the same, with its authority in the system's store",
		"intercepted", "did not ask for this device's certificate"}, argNone},
	{FaultHelp{"inspect-aws", "", "", whereNetwork, "the same behind a proxy, for an endpoint of AWS, where the system's store does not count",
		"intercepted", "not those of the system's store"}, argNone},

	{FaultHelp{"proxy-403", "", "", whereProxy, "the proxy forbids the broker",
		"proxy", "the proxy answered 403 Forbidden"}, argNone},
	{FaultHelp{"proxy-login", "", "", whereProxy, "the proxy wants a login, and none is configured",
		"proxy", "it wants Basic"}, argNone},
	{FaultHelp{"proxy-password", "", "", whereProxy, "the proxy refuses the password",
		"proxy", "does not take this user and password"}, argNone},
	{FaultHelp{"proxy-scheme", "", "", whereProxy, "the proxy wants Kerberos alone",
		"proxy", "of these none is spoken here"}, argNone},
	{FaultHelp{"proxy-down", "", "", whereProxy, "nothing listens where the proxy should",
		"proxy", "nothing listens there"}, argNone},

	{FaultHelp{"no-alpn", "", "", whereTLS, "accepts the connection but negotiates no protocol, as an inspecting proxy does",
		"", "the server took no notice"}, argNone},
	{FaultHelp{"alpn-reject", "", "", whereTLS, "refuses the handshake: no application protocol",
		"alpn", "the server refuses ALPN"}, argNone},
	{FaultHelp{"no-client-cert", "", "", whereTLS, "does not ask for the client's certificate",
		"", "the server did not ask for this device's certificate"}, argNone},
	{FaultHelp{"expired-cert", "", "", whereTLS, "shows a certificate that expired yesterday",
		"tls", "expired on"}, argNone},
	{FaultHelp{"future-cert", "", "", whereTLS, "shows a certificate that is not valid before tomorrow",
		"clock", "begins on"}, argNone},
	{FaultHelp{"wrong-name-cert", "", "", whereTLS, "shows a certificate for another name",
		"tls", "the server's certificate is not for"}, argNone},
	{FaultHelp{"unknown-ca", "", "", whereTLS, "shows a certificate of an authority that nobody knows",
		"tls", "comes from an unknown authority"}, argNone},
	{FaultHelp{"tls12", "", "", whereTLS, "speaks TLS 1.2 only",
		"", "TLS 1.2, TLS_ECDHE"}, argNone},

	{FaultHelp{"no-connack", "", "", whereMQTT, "never answers CONNECT",
		"connack", "no CONNACK in time"}, argNone},
	{FaultHelp{"connack", "N", "5", whereMQTT, "answers CONNECT with code N and hangs up",
		"connack", "the broker refused the login"}, argCount},
	{FaultHelp{"not-active", "", "", whereMQTT, "hangs up on CONNECT, as for a certificate that is not active",
		"connack", "is the certificate active"}, argNone},
	{FaultHelp{"client-id-taken", "", "", whereMQTT, "another device has the same client id, and comes back whenever it is thrown out",
		"connack", "another client uses the same client id"}, argNone},
	{FaultHelp{"deny-publish", "", "", whereMQTT, "hangs up on every publish, as a policy that denies it",
		"ack", "it does not allow it"}, argNone},
	{FaultHelp{"poison", "TEXT", "", whereMQTT, "hangs up on every publish that contains TEXT", "", ""}, argText},
	{FaultHelp{"http-status", "N", "503", whereMQTT, "answers posts with status N, 400 to 599, and takes none", "", ""}, argCount},
	{FaultHelp{"cut-after", "N", "10", whereMQTT, "hangs up after N messages were taken and acknowledged", "", ""}, argCount},
	{FaultHelp{"cut-before-ack", "N", "10", whereMQTT, "takes the Nth message of a connection and hangs up without acknowledging it", "", ""}, argCount},
	{FaultHelp{"reset", "N", "0", whereMQTT, "resets the TCP connection after N messages; 0: right after CONNACK",
		"tcp", "cuts connections"}, argCount},
	{FaultHelp{"stop-reading", "N", "0", whereMQTT, "stops reading after N messages, so that the sender's window fills",
		"ack", "no PUBACK in time"}, argCount},
	{FaultHelp{"mute-ack", "", "", whereMQTT, "takes messages and never acknowledges",
		"ack", "no PUBACK in time"}, argNone},
	{FaultHelp{"drop-acks", "P%", "30%", whereMQTT, "leaves out P percent of the acknowledgements", "", ""}, argPercent},
	{FaultHelp{"slow-ack", "DURATION", "50ms", whereMQTT, "acknowledges only after DURATION, as over a long way", "", ""}, argDuration},
	{FaultHelp{"reorder-acks", "", "", whereMQTT, "acknowledges in another order than messages came", "", ""}, argNone},
	{FaultHelp{"double-acks", "", "", whereMQTT, "acknowledges twice", "", ""}, argNone},
	{FaultHelp{"stray-acks", "", "", whereMQTT, "acknowledges messages that were never sent, too", "", ""}, argNone},
	{FaultHelp{"mute-ping", "", "", whereMQTT, "never answers PINGREQ", "", ""}, argNone},
	{FaultHelp{"garbage", "N", "0", whereMQTT, "sends random bytes after N messages",
		"ack", "breaks the MQTT protocol"}, argCount},
	{FaultHelp{"huge", "N", "0", whereMQTT, "announces a packet of 256 MiB after N messages",
		"ack", "breaks the MQTT protocol"}, argCount},
}
