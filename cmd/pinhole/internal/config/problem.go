package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one mistake in a configuration, at the place where it stands.
type Problem struct {
	File    string `json:"file"`    // as it was named: a path, or "-" for the standard input
	Line    int    `json:"line"`    // counted from 1; 0 if the whole file is meant
	Column  int    `json:"column"`  // in characters, counted from 1; 0 with Line 0
	Key     string `json:"key"`     // "publisher.tls.key", "sensors[2].address"; "" where no key is to blame
	Message string `json:"message"` // what is wrong
	Hint    string `json:"hint"`    // what to do about it
}

// String gives the line for people: FILE:LINE:COL: key: what is wrong; what to do.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("; ")
		b.WriteString(p.Hint)
	}
	return b.String()
}

// arrange sorts by place and drops what is said twice of one place, as happens when an alias is used several times.
func arrange(ps []Problem) []Problem {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
	return slices.Compact(ps)
}

// quote shows a value inside a message: on one line, and shortened.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return strconv.Quote(string(r[:most])) + "..."
	}
	return strconv.Quote(s)
}

// oneOf lists words for a hint: "a, b or c".
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
