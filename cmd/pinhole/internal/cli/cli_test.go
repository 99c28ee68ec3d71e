package cli

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestParseTakesFlagsAnywhere(t *testing.T) {
	for _, c := range []struct {
		args   string
		file   string
		json   bool
		rest   []string
		wrong  string
		atMost int
	}{
		{args: "", file: "default", atMost: 0},
		{args: "-c x --json", file: "x", json: true},
		{args: "--config=x", file: "x"},
		{args: "-c - ", file: "-"},
		{args: "a --json b", file: "default", json: true, rest: []string{"a", "b"}, atMost: -1},
		{args: "a -c x", file: "x", rest: []string{"a"}, atMost: 1},
		{args: "-c x a", file: "x", rest: []string{"a"}, atMost: 1},
		{args: "a -- --json", file: "default", rest: []string{"a", "--json"}, atMost: 2},
		{args: "--json -- -c", file: "default", json: true, rest: []string{"-c"}, atMost: 1},
		{args: "- a", file: "default", rest: []string{"-", "a"}, atMost: 2},
		{args: "a b", wrong: `unexpected argument "b"`, atMost: 1},
		{args: "--colour", wrong: "unknown flag -colour"},
		{args: "-c", wrong: "flag needs an argument: -c"},
		{args: "--json=maybe", wrong: `invalid boolean value "maybe"`},
		{args: "a -h", wrong: ErrHelp.Error(), atMost: 1},
	} {
		fs := flag.NewFlagSet("test", flag.ContinueOnError)
		var file string
		fs.StringVar(&file, "c", "default", "")
		fs.StringVar(&file, "config", "default", "")
		asJSON := fs.Bool("json", false, "")
		rest, err := Parse(fs, strings.Fields(c.args), c.atMost)
		if c.wrong != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.wrong) {
				t.Errorf("%q: got %v, want the error %q", c.args, err, c.wrong)
			}
			continue
		}
		if err != nil || file != c.file || *asJSON != c.json || !slices.Equal(rest, c.rest) {
			t.Errorf("%q: got %q %v %q, %v; want %q %v %q", c.args, file, *asJSON, rest, err, c.file, c.json, c.rest)
		}
	}
}

func TestWriterRemembersTheFirstFailure(t *testing.T) {
	r, pipe := io.Pipe()
	boom := errors.New("boom")
	r.CloseWithError(boom)
	w := &Writer{W: pipe}
	for range 2 {
		if _, err := w.Write([]byte("x")); !errors.Is(err, boom) {
			t.Errorf("got %v, want %v", err, boom)
		}
	}
	if !errors.Is(w.Err, boom) {
		t.Errorf("remembered %v, want %v", w.Err, boom)
	}
}

func TestCodesHaveMeanings(t *testing.T) {
	for code, meaning := range Codes() {
		if meaning == "" {
			t.Errorf("code %d has no meaning", code)
		}
	}
	if len(Codes()) != int(Fault)+1 {
		t.Errorf("%d meanings, want %d", len(Codes()), Fault+1)
	}
}
