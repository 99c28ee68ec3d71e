package nearest

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	known := []string{"address", "bus", "every", "kind", "name", "password_file", "qos", "tls"}
	for _, c := range []struct{ word, want string }{
		{"adress", "address"},
		{"addres", "address"},
		{"Address", "address"},
		{"KIND", "kind"},
		{"nmae", "name"}, // swapped neighbours count once
		{"evry", "every"},
		{"password-file", "password_file"},
		{"pasword_file", "password_file"},
		{"q0s", "qos"},
		{"colour", ""},
		{"x", ""}, // one letter is no evidence
		{"", ""},
		{"sensors", ""},
		{strings.Repeat("a", 65), ""},
	} {
		if got := Of(c.word, known); got != c.want {
			t.Errorf("Of(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestOfPrefersTheClosest(t *testing.T) {
	if got := Of("bme281", []string{"bmp280", "bme280", "bme680"}); got != "bme280" {
		t.Errorf("got %q, want bme280", got)
	}
	if got := Of("run", []string{strings.Repeat("run", 40)}); got != "" {
		t.Errorf("a known word beyond the bound was suggested: %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "xyz", 3},
		{strings.Repeat("a", maxWord), strings.Repeat("b", maxWord), maxWord},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
