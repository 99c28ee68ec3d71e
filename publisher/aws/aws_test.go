package aws

import (
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		host        string
		iot, legacy bool
		region      string
	}{
		{"abc123-ats.iot.eu-west-1.amazonaws.com", true, false, "eu-west-1"},
		{"ABC123-ATS.IoT.eu-west-1.AmazonAWS.com", true, false, "eu-west-1"},
		{"abc123-ats.iot.eu-west-1.amazonaws.com.", true, false, "eu-west-1"},
		{"abc123.iot.us-east-1.amazonaws.com", true, true, "us-east-1"},
		{"abc123.iot.cn-north-1.amazonaws.com.cn", true, true, "cn-north-1"},
		{"abc123.ats.iot.cn-north-1.amazonaws.com.cn", true, false, "cn-north-1"},
		{"abc123-ats.iot.cn-northwest-1.amazonaws.com.cn", true, false, "cn-northwest-1"},
		{"abc123.ats.iot.eu-west-1.amazonaws.com", false, false, ""},
		{"abc123-ats.iot.eu-west-1.amazonaws.com.evil.example", false, false, ""},
		{"evil-iot.eu-west-1.amazonaws.com", false, false, ""},
		{"iot.eu-west-1.amazonaws.com", false, false, ""},
		{".iot.eu-west-1.amazonaws.com", false, false, ""},
		{"x.iot..amazonaws.com", false, false, ""},
		{"a.b.iot.eu-west-1.amazonaws.com", false, false, ""},
		{"c1.credentials.iot.eu-west-1.amazonaws.com", false, false, ""},
		{"x.s3.eu-west-1.amazonaws.com", false, false, ""},
		{"broker.example.com", false, false, ""},
		{"127.0.0.1", false, false, ""},
		{"", false, false, ""},
	} {
		if got := IsIoTHost(c.host); got != c.iot {
			t.Errorf("IsIoTHost(%q) = %v, want %v", c.host, got, c.iot)
		}
		if got := Legacy(c.host); got != c.legacy {
			t.Errorf("Legacy(%q) = %v, want %v", c.host, got, c.legacy)
		}
		if got := Region(c.host); got != c.region {
			t.Errorf("Region(%q) = %q, want %q", c.host, got, c.region)
		}
	}
}

func TestCheckTopic(t *testing.T) {
	long := strings.Repeat("x", MaxTopic)
	for _, c := range []struct {
		topic, want string
	}{
		{"pinhole/greenhouse-7/readings", ""},
		{"a/b/c/d/e/f/g/h", ""},
		{"a/b/c/d/e/f/g/h/i", "topic has 8 slashes, AWS IoT takes 7"},
		{"$aws/rules/store/a/b/c/d/e/f/g/h", ""},
		{"$aws/rules/store/a/b/c/d/e/f/g/h/i", "topic has 8 slashes, AWS IoT takes 7"},
		{long, ""},
		{"$aws/rules/store/" + long, ""},
		{long + "y", "topic has 257 bytes, AWS IoT takes 256"},
	} {
		got := ""
		if err := CheckTopic(c.topic); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("CheckTopic(%q) = %q, want %q", c.topic, got, c.want)
		}
	}
}

func TestCheckClientID(t *testing.T) {
	for _, c := range []struct {
		id, want string
	}{
		{"greenhouse-7", ""},
		{strings.Repeat("x", 128), ""},
		{strings.Repeat("x", 129), "client id has 129 bytes, AWS IoT takes 128"},
		{"", "client id is empty"},
	} {
		got := ""
		if err := CheckClientID(c.id); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("CheckClientID(%q) = %q, want %q", c.id, got, c.want)
		}
	}
}

func TestOurRatesLieBelowTheLimits(t *testing.T) {
	if Publishes >= MaxPublishes || Throughput >= MaxThroughput {
		t.Errorf("rates %d/s and %d B/s do not lie below %d/s and %d B/s", Publishes, Throughput, MaxPublishes, MaxThroughput)
	}
}
