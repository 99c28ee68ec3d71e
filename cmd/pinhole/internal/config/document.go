package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	maxBytes    = 1 << 20 // of a configuration: far above 20,000 series, far below what hurts a board with 512 MB
	maxDepth    = 32      // of nesting; our own keys nest seven deep at most
	maxValues   = 250000  // read in all, each use of an alias counted: more than 20,000 sensors need
	maxProblems = 1000
)

// place is where something stands in the file: line and column, both from 1, the column in characters.
type place struct{ line, column int }

// document turns the bytes into the root node of the one YAML document that they hold; nil if there is none or a problem was
// reported.
func (p *parser) document(data []byte) *yaml.Node {
	if len(data) > maxBytes {
		p.add(place{}, "", fmt.Sprintf("the file has more than %d bytes", maxBytes), "is this the right file?")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at, what := unreadable(data); what != "" {
		p.add(at, "", what, "save the file as plain UTF-8 text")
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(withoutDirective(data)), yaml.WithUniqueKeys(false),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		p.add(place{}, "", err.Error(), "")
		return nil
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		p.add(place{}, "", "the file is empty", "`pinhole config` prints a complete example")
		return nil
	case err != nil:
		p.syntax(err, data)
		return nil
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		p.syntax(err, data)
	default:
		p.add(place{second.Line, second.Column}, "", "a second document begins here", "keep everything in one document, without ---")
	}
	if len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

// syntax reports the first place where the text stops being YAML; a parser cannot know what lies behind it.
func (p *parser) syntax(err error, data []byte) {
	message, at := err.Error(), place{}
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		message, at = e.Message, place{e.Mark.Line, e.Mark.Column}
		if e.ContextMsg != "" && e.ContextMark.Line > 0 {
			message += fmt.Sprintf(" (%s that begins in line %d)", e.ContextMsg, e.ContextMark.Line)
		}
	}
	text := ""
	if lines := splitLines(data); at.line >= 1 && at.line <= len(lines) {
		text = lines[at.line-1]
	}
	p.add(place{max(at.line, 1), at.column}, "", "this is not YAML: "+message, hintFor(message, text))
}

// hintFor knows the usual reasons behind a YAML parser's words.
func hintFor(message, line string) string {
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "indent with spaces, never with tabs"
	case strings.Contains(message, "exceeded max depth"):
		return fmt.Sprintf("nest at most %d deep", maxDepth)
	case strings.Contains(message, "mapping values are not allowed"):
		return "put text that holds \": \" in quotes, and indent keys of one level alike"
	case strings.Contains(message, "cannot start any token"):
		return "put text that begins with @, ` or % in quotes"
	case strings.Contains(message, "unknown anchor"):
		return "put text that begins with * in quotes"
	case strings.Contains(message, "expected"):
		return "look for a wrong indentation, or a missing quote, bracket or comma"
	}
	return ""
}

// unreadable finds the first character that no YAML text may hold.
func unreadable(data []byte) (at place, what string) {
	at = place{1, 1}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return at, fmt.Sprintf("byte 0x%02x is not UTF-8", data[i])
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f, r >= 0x80 && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			return at, fmt.Sprintf("the control character U+%04X", r)
		}
		i += n
		if r == '\n' || r == '\r' && (i == len(data) || data[i] != '\n') || r == 0x85 || r == 0x2028 || r == 0x2029 {
			at = place{at.line + 1, 1}
		} else {
			at.column++
		}
	}
	return place{}, ""
}

// withoutDirective makes a comment of a leading %YAML 1.2, which the parser refuses although it reads what the line announces.
func withoutDirective(data []byte) []byte {
	rest := data
	for len(rest) > 0 {
		l, after, _ := bytes.Cut(rest, []byte("\n"))
		switch text := strings.TrimRight(string(l), " \t\r"); {
		case text == "%YAML 1.2":
			clean := bytes.Clone(data)
			clean[len(data)-len(rest)] = '#'
			return clean
		case text != "" && !strings.HasPrefix(text, "#"):
			return data
		}
		rest = after
	}
	return data
}

// lineBreak makes a newline of each line break that the parser knows.
var lineBreak = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

func splitLines(data []byte) []string { return strings.Split(lineBreak.Replace(string(data)), "\n") }

// within moves a place into the text: parsers name the line after the last one, or a column behind the end of one.
func within(at place, lines []string) place {
	if at.line < 1 {
		return place{1, 1}
	}
	last := len(lines)
	if lines[last-1] == "" && last > 1 {
		last--
	}
	if at.line > last {
		at = place{last, maxBytes}
	}
	return place{at.line, max(min(at.column, utf8.RuneCountInString(lines[at.line-1])+1), 1)}
}
