package config

import (
	"fmt"
	"testing"
)

// TestProxies: one, several in their order with the direct way among them, none, or what the environment says.
func TestProxies(t *testing.T) {
	for text, want := range map[string]struct {
		list string
		env  bool
	}{
		"none":                {"[]", false},
		"env":                 {"[]", true},
		"socks5://h:1":        {"[socks5://h:1]", false},
		"[http://a]":          {"[http://a]", false},
		"[direct]":            {"[<nil>]", false},
		"[http://me@a, none]": {"[http://me@a <nil>]", false},
		"['http://a:3128', direct, 'socks5://[::1]:1080', ' https://a:3128 ']": {"[http://a:3128 <nil> socks5://[::1]:1080 https://a:3128]", false},
	} {
		got := good(t, "publisher: {broker: h, proxy: "+text+"}\nsensors: [{name: a, kind: host}]\n").Publisher.Proxy
		if fmt.Sprint(got.List) != want.list || got.Env != want.env {
			t.Errorf("%s: %v, env %v, want %v", text, got.List, got.Env, want)
		}
	}
}
