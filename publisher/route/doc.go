// Package route finds a way to the broker: it turns the configured address into a byte stream that MQTT can be spoken on.
//
// A way out is built from layers, each a small type with the one method of Dialer: TCP opens a socket, TLS puts a TLS session
// over whatever another Dialer opened, WebSocket carries the stream inside of one. They compose, so TLS over a proxy's tunnel over
// TLS to that proxy is three values. A Route is such a stack with its destination, its name and its time limit; Route.Dial gives a
// Conn, whose writes are all bounded, whose bytes are counted and which closes once, with a cause. Direct, Via (proxies), InOrder and
// OverWebSocket make routes.
//
// It promises that every failure is an *Error that says at which Stage the way ended and what a person can do about it, that a
// peer is never trusted without a verified certificate, and that at AWS a TLS session which was intercepted or lost its ALPN on
// the way is refused before a byte of MQTT is sent. Certificates and keys are read again at every dial. When to dial, and what is
// said on the stream, is left to packages publisher and session.
package route
