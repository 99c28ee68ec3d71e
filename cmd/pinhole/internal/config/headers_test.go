package config

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaders(t *testing.T) {
	c := good(t, `publisher:
  broker: wss://h
  headers: {x-token: "${SET}:1", Authorization: Bearer a.b, X-Number: 5, X-Empty: ""}
sensors: [{name: a, kind: host}]
`)
	want := http.Header{"X-Token": {"value:1"}, "Authorization": {"Bearer a.b"}, "X-Number": {"5"}, "X-Empty": {""}}
	if diff := cmp.Diff(want, c.Publisher.Headers); diff != "" || len(c.Warnings) > 0 {
		t.Errorf("(-want +got)\n%s%v", diff, c.Warnings)
	}
	for text, warnings := range map[string]int{
		"{broker: h, headers: {a: b}}":                  1,
		"{broker: h, headers: {}}":                      0,
		"{broker: h, headers: {a: b}, routes: [wss]}":   0,
		"{broker: ws://localhost, headers: {a: b}}":     0,
		"{broker: https://h, headers: {a: b}}":          1,
		"{broker: h, headers: {a: b}, routes: [https]}": 1,
	} {
		if c := good(t, "publisher: "+text+"\nsensors: [{name: a, kind: host}]\n"); len(c.Warnings) != warnings {
			t.Errorf("%s: %v", text, c.Warnings)
		}
	}
}
