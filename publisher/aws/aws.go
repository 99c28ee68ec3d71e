// Package aws holds what is special at AWS IoT Core: its root certificates, how to recognise its endpoints, the names it
// expects in ALPN, and its limits.
//
// It promises that the embedded roots are the published ones (a test compares their fingerprints) and that every limit names
// where it was read. It opens no connection and keeps no state: package route asks it which roots and which ALPN name to use,
// package publisher keeps its limits.
package aws

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ALPN names of the data endpoint on port 443, where they are mandatory for X.509 clients.
// Source: AWS IoT Core developer guide, "Device communication protocols", table of protocols, ports and authentication.
const (
	ALPNMQTT       = "x-amzn-mqtt-ca" // MQTT with a client certificate
	ALPNHTTP       = "x-amzn-http-ca" // HTTPS publish with a client certificate
	ALPNCustomAuth = "mqtt"           // MQTT with a custom authorizer instead of a certificate
)

// Limits that AWS sets for one connection. Source, unless said otherwise: AWS General Reference, "AWS IoT Core message broker
// and protocol limits and quotas".
const (
	MaxPayload    = 128 * 1024 // bytes of a message; a larger one is rejected, not adjustable
	MaxPublishes  = 100        // publishes a second and connection; what exceeds it is discarded without a PUBACK
	MaxThroughput = 512 * 1024 // bytes a second and connection; what exceeds it is delayed
	MaxInFlight   = 100        // unacknowledged QoS 1 publishes of one client
	MaxTopic      = 256        // bytes of a topic, without a leading $aws/rules/NAME/
	MaxSlashes    = 7          // slashes of a topic, without a leading $aws/rules/NAME/
	MaxClientID   = 128        // bytes of a client id
)

// The rates that Pinhole keeps to at AWS: below the limits by a margin for the clocks at both ends and for bursts.
const (
	Publishes  = 80         // messages a second
	Throughput = 400 * 1024 // bytes a second
)

// The bounds of the MQTT keepalive. AWS pulls a shorter one up to 30 s; a ping is free of charge once in 30 s (AWS IoT Core
// pricing, "Additional details").
const (
	MinKeepAlive = 30 * time.Second
	MaxKeepAlive = 1200 * time.Second
)

// MeterStep is the unit of billing: a message costs by each started 5 KB of topic and payload. Whether AWS means 1000 or 1024
// is not written down, so the smaller one is taken.
const MeterStep = 5000

// IsIoTHost reports whether host (a name, without a port) is a device endpoint of AWS IoT Core: PREFIX.iot.REGION.amazonaws.com,
// in China PREFIX.iot.REGION.amazonaws.com.cn or, in Beijing, PREFIX.ats.iot.REGION.amazonaws.com.cn. A domain of one's own that
// leads there is not recognised.
func IsIoTHost(host string) bool {
	_, _, ok := split(host)
	return ok
}

// Legacy reports whether host is an AWS IoT endpoint of the older type iot:Data, whose certificate does not come from Amazon's
// own roots: its name lacks "-ats". Asking AWS for an endpoint without naming a type gives this one.
func Legacy(host string) bool {
	_, ats, ok := split(host)
	return ok && !ats
}

// Region returns the region in an endpoint's name, "" if host is none.
func Region(host string) string {
	region, _, _ := split(host)
	return region
}

// split takes an endpoint's name apart into its region and whether it is of the type iot:Data-ATS.
func split(host string) (region string, ats, ok bool) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	rest, cn := strings.CutSuffix(host, ".amazonaws.com.cn")
	if !cn {
		if rest, ok = strings.CutSuffix(host, ".amazonaws.com"); !ok {
			return "", false, false
		}
	}
	labels := strings.Split(rest, ".")
	ats = strings.HasSuffix(labels[0], "-ats")
	if cn && len(labels) == 4 && labels[1] == "ats" {
		labels, ats = append(labels[:1], labels[2:]...), true
	}
	if len(labels) != 3 || labels[0] == "" || labels[1] != "iot" || labels[2] == "" {
		return "", false, false
	}
	return labels[2], ats, true
}

// CheckTopic tells what AWS would object to in a topic to publish to; nil if nothing. General MQTT rules are not repeated here.
func CheckTopic(topic string) error {
	rest := topic
	if after, ok := strings.CutPrefix(topic, "$aws/rules/"); ok {
		if _, below, ok := strings.Cut(after, "/"); ok {
			rest = below
		}
	}
	if len(rest) > MaxTopic {
		return fmt.Errorf("topic has %d bytes, AWS IoT takes %d", len(rest), MaxTopic)
	}
	if n := strings.Count(rest, "/"); n > MaxSlashes {
		return fmt.Errorf("topic has %d slashes, AWS IoT takes %d", n, MaxSlashes)
	}
	return nil
}

// CheckClientID tells what AWS would object to in a client id; nil if nothing.
func CheckClientID(id string) error {
	if id == "" {
		return errors.New("client id is empty")
	}
	if len(id) > MaxClientID {
		return fmt.Errorf("client id has %d bytes, AWS IoT takes %d", len(id), MaxClientID)
	}
	return nil
}
