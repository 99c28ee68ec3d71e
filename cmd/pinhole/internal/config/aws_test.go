package config

import (
	"strings"
	"testing"
)

const atAWS = "abc-ats.iot.eu-west-1.amazonaws.com"

func TestSignedRequests(t *testing.T) {
	cert, key := pair(t)
	o := options()
	o.Dir = folder(t, map[string][]byte{"device.crt": cert, "device.key": key})
	for _, c := range []struct {
		publisher string
		want      AWS
	}{
		{"broker: wss://" + atAWS, AWS{Region: "eu-west-1"}},
		{"broker: h", AWS{}},
		{"broker: wss://h, aws: {region: us-east-1, credentials_file: keys, profile: field}",
			AWS{Given: true, Region: "us-east-1", CredentialsFile: o.Dir + "/keys", Profile: "field"}},
		{"broker: https://" + atAWS + ", aws: {credentials_provider: p.example, role_alias: r, thing: 'x-{device}'}, tls: {cert: device.crt, key: device.key}",
			AWS{Given: true, Region: "eu-west-1", Provider: "p.example", RoleAlias: "r", Thing: "x-raspberry"}},
		{"broker: " + atAWS + ", aws: {profile: p}, routes: [wss], tls: {cert: device.crt, key: device.key}",
			AWS{Given: true, Region: "eu-west-1", Profile: "p"}},
	} {
		got, problems := Parse("f", []byte("publisher: {"+c.publisher+"}\nsensors: [{name: a, kind: host}]\n"), o)
		switch {
		case got == nil:
			t.Errorf("%s: %v", c.publisher, problems)
		case got.Publisher.Sign != c.want || len(got.Warnings) > 0:
			t.Errorf("%s: got %+v, warnings %v", c.publisher, got.Publisher.Sign, got.Warnings)
		}
	}
}

func TestWhatCannotBeSigned(t *testing.T) {
	for publisher, want := range map[string]string{
		"broker: wss://h, aws: {profile: p}":                                                   "publisher.aws: lacks the region",
		"broker: wss://h, aws: {region: eu west}":                                              "publisher.aws.region: is no name that AWS gives",
		"broker: wss://" + atAWS + ", aws: {role_alias: r}":                                    "set aws.credentials_provider too",
		"broker: wss://" + atAWS + ", aws: {credentials_provider: p}":                          "set aws.role_alias too",
		"broker: wss://" + atAWS + ", aws: {credentials_provider: 'https://p', role_alias: r}": "must be a host",
		"broker: wss://" + atAWS + ", aws: {credentials_provider: p, role_alias: r}":           "needs the device's certificate",
		"broker: wss://" + atAWS + ", aws: {thing: '{name}'}":                                  "only {device} is replaced",
		"broker: wss://" + atAWS + ", aws: {key: x}":                                           "publisher.aws.key",
		"broker: " + atAWS + ", username: u, aws: {profile: p}":                                "signs nothing",
	} {
		c, problems := Parse("f", []byte("publisher: {"+publisher+"}\nsensors: [{name: a, kind: host}]\n"), options())
		if c != nil {
			problems = c.Warnings
		}
		found := false
		for _, p := range problems {
			found = found || strings.Contains(p.String(), want)
		}
		if !found {
			t.Errorf("%s: got %v, want %s", publisher, problems, want)
		}
	}
}
