package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"pinhole/publisher/aws"
)

const (
	maxMQTTText   = 65535 // bytes of any text in MQTT [MQTT-1.5.3]
	maxClientID   = 128   // bytes; AWS IoT takes no more, and no broker is known to need more
	basicIngest   = "$aws/rules/"
	devicePattern = "{device}"
	defaultTopic  = "pinhole/{device}/readings"
)

var placeholder = regexp.MustCompile(`\{[A-Za-z_]*\}`)

// fillIn replaces {device}; any other word in braces is a mistake rather than a text to publish under.
func (v value) fillIn(s, device string) string {
	for _, m := range placeholder.FindAllString(s, -1) {
		if m != devicePattern {
			v.problem(m+" is no placeholder", "only {device} is replaced")
			break
		}
	}
	return strings.ReplaceAll(s, devicePattern, device)
}

// badText says why MQTT cannot carry s as text [MQTT-1.5.3-1, MQTT-1.5.3-2]; "" if it can.
func badText(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
			return fmt.Sprintf("holds the control character U+%04X", r)
		}
	}
	return ""
}

func (p *parser) clientID(v value, device string, atAWS bool) string {
	id := v.fillIn(v.text(devicePattern), device)
	switch what := badText(id); {
	case id == "" && device == "" && v.node == nil: // the device is to blame, and reported
	case id == "":
		v.problem("is empty", "the broker tells devices apart by it; {device} is a good one")
	case what != "":
		v.problem(what, "")
	case len(id) > maxClientID:
		v.problem(fmt.Sprintf("has %d bytes, more than %d", len(id), maxClientID), "shorten it")
	case atAWS && id[0] == '$':
		v.problem(quote(id)+" begins with $, which AWS IoT keeps for itself", "begin with another character")
	}
	return id
}

// topic reads the name that readings are published under.
func (p *parser) topic(v value, device string, atAWS bool) string {
	t := v.fillIn(v.text(defaultTopic), device)
	if what, hint := badTopic(t, atAWS); what != "" {
		if device != "" || v.node != nil {
			v.problem(what, hint)
		}
	} else if strings.HasPrefix(t, basicIngest) && !atAWS {
		p.warnAt(v.path, quote(t)+" means something at AWS IoT only", "right if the broker is a domain of your own that leads there")
	} else if t != "" && (strings.Contains(t, "//") || t[0] == '/' || t[len(t)-1] == '/') {
		p.warnAt(v.path, quote(t)+" has an empty level", "probably a slash too many")
	}
	return t
}

func badTopic(t string, atAWS bool) (what, hint string) {
	rest := t
	if name, ok := strings.CutPrefix(t, basicIngest); ok {
		var below bool
		if name, rest, below = strings.Cut(name, "/"); name == "" || !below || rest == "" {
			return quote(t) + " lacks the rule or the topic below it", "write $aws/rules/RULE/" + defaultTopic
		}
	}
	bad := badText(t)
	switch {
	case t == "":
		return "is empty", "the default is " + defaultTopic
	case bad != "":
		return bad, ""
	case strings.ContainsAny(t, "+#"):
		return fmt.Sprintf("holds %q, which only subscribers may use", t[strings.IndexAny(t, "+#")]), "name one topic [MQTT-3.3.2-2]"
	case len(t) > maxMQTTText:
		return fmt.Sprintf("has %d bytes, more than MQTT's %d", len(t), maxMQTTText), "shorten it"
	case t[0] == '$' && len(rest) == len(t):
		return quote(t) + " begins with $, which brokers keep for themselves", "only $aws/rules/RULE/... is for devices"
	case atAWS && len(rest) > aws.MaxTopic:
		return fmt.Sprintf("has %d bytes, more than AWS IoT's %d", len(rest), aws.MaxTopic), "shorten it"
	case atAWS && strings.Count(rest, "/") > aws.MaxSlashes:
		return fmt.Sprintf("has %d slashes, more than AWS IoT's %d", strings.Count(rest, "/"), aws.MaxSlashes), "use fewer levels"
	}
	return "", ""
}
