// Package session speaks MQTT 3.1.1 over one connection that it is given: login, publishing, pings, goodbye.
//
// paho.mqtt.golang is its engine for one connection and nothing more: it encodes packets, gives out packet ids and sends pings.
// Its reconnecting, its stores and its own word on what was delivered are not used, because each of them can call a message
// delivered that is not. Between paho and the network stands a guard that reads every byte from the broker first. It takes a PUBACK
// for what it is only if the id is in flight, knows return codes that paho takes for success, and lets no packet through that could
// cost memory: what paho sees is one CONNACK, PUBACKs and PINGRESPs.
//
// It promises: done(nil) only after a PUBACK for that very message (QoS 0: after it was written); each done exactly once; no wait
// without a limit; less than MaxInbound of memory for whatever a broker sends; when Done is closed, every message has had its
// done. It makes one connection's life and never reconnects: that, the window and the rate are package publisher's, the way to the
// broker is package route's. Nothing is subscribed to: messages of the broker are skipped.
package session
