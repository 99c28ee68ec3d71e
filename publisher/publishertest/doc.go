// Package publishertest is what tests of the way out need: throw-away certificates, MQTT packets as bytes, and real programs
// (mosquitto, NATS, HAProxy, nginx, squid, Dante, microsocks) started on loopback.
//
// The packets are written from the MQTT 3.1.1 specification and share no code with the client library, so that they can judge
// it. A program that is not installed skips the test, but fails it where CI is "true". Nothing here is used outside of tests.
package publishertest
