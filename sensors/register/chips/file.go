package chips

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"pinhole/sensors/kind"
	"pinhole/sensors/kind/nearest"
)

// Bounds of a definition's file.
const (
	maxFile     = 64 << 10 // bytes
	maxProblems = 50
)

// File is a definition as it stands in a file.
type File struct {
	Params kind.Params // checked against Keys
	name   string
	places map[string]place // of each key's path
}

type place struct{ line, column int }

// Load reads a definition's file. Its problems have messages that begin with file, line and column.
func Load(path string) (*File, []kind.Problem) {
	name := filepath.Base(path)
	fail := func(err error) (*File, []kind.Problem) {
		if e, ok := errors.AsType[*os.PathError](err); ok {
			err = e.Err
		}
		return nil, []kind.Problem{{Message: fmt.Sprintf("read %s: %v", path, err), Hint: "name a file that exists and can be read"}}
	}
	info, err := os.Stat(path)
	if err != nil {
		return fail(err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		return fail(errors.New("it is not a file"))
	}
	f, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fail(err)
	}
	about := aboutKeys() // so that a definition is the same file before and after it is shipped
	about.Required = false
	return Parse(name, data, append(Keys(), about))
}

// Parse reads a definition from the text of a file called name.
func Parse(name string, data []byte, keys []kind.Key) (*File, []kind.Problem) {
	r := &reader{file: File{name: name, places: map[string]place{}}}
	root := r.document(data)
	if root != nil {
		r.file.Params = r.object("", root, keys)
	}
	if r.problems != nil {
		return nil, r.problems
	}
	return &r.file, nil
}

// Build is Build of the file's definition, with problems that begin with file, line and column.
func (f *File) Build(constants map[string]string) (*Chip, []kind.Problem) {
	c, problems := Build(f.Params, constants)
	for i, p := range problems {
		if p.Key != "" {
			problems[i] = f.locate(p)
		}
	}
	return c, problems
}

// locate puts file, line and column in front of a problem with a key.
func (f *File) locate(p kind.Problem) kind.Problem {
	return kind.Problem{Message: f.where(p.Key) + p.Key + ": " + p.Message, Hint: p.Hint}
}

// where finds the place of a path, or of the nearest one above it.
func (f *File) where(path string) string {
	for {
		if at, ok := f.places[path]; ok || path == "" {
			return fmt.Sprintf("%s:%d:%d: ", f.name, max(at.line, 1), max(at.column, 1))
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// reader turns YAML into Params.
type reader struct {
	file     File
	problems []kind.Problem
}

func (r *reader) bad(at place, path, message, hint string) {
	if len(r.problems) < maxProblems {
		if path != "" {
			message = path + ": " + message
		}
		r.problems = append(r.problems, kind.Problem{Message: fmt.Sprintf("%s:%d:%d: %s", r.file.name, max(at.line, 1), max(at.column, 1), message),
			Hint: hint})
	}
}

// document returns the root of the one document in data.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > maxFile {
		r.bad(place{}, "", fmt.Sprintf("the file has more than %d bytes", maxFile), "is this the right file?")
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithUniqueKeys(false))
	if err != nil {
		r.bad(place{}, "", err.Error(), "")
		return nil
	}
	var doc, second yaml.Node
	err = loader.Load(&doc)
	if err == nil && !errors.Is(loader.Load(&second), io.EOF) {
		err = errors.New("a second document, or something that is no YAML, follows the first")
	}
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) != 1 {
		err = errors.New("the file is empty")
	}
	if err != nil {
		at, message := place{}, err.Error()
		if e, ok := errors.AsType[*yaml.LoadError](err); ok {
			at, message = place{e.Mark.Line, e.Mark.Column}, "this is not YAML: "+e.Message
		}
		r.bad(at, "", message, "`pinhole kinds register` shows definitions")
		return nil
	}
	return doc.Content[0]
}

// object reads a mapping with keys.
func (r *reader) object(path string, n *yaml.Node, keys []kind.Key) kind.Params {
	at := place{n.Line, n.Column}
	if n.Kind != yaml.MappingNode {
		r.bad(at, path, "must hold keys with values", "write `key: value` lines below it")
		return nil
	}
	p := kind.Params{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, v := n.Content[i], n.Content[i+1]
		at, path := place{name.Line, name.Column}, join(path, name.Value)
		k := slices.IndexFunc(keys, func(k kind.Key) bool { return k.Name == name.Value })
		_, before := r.file.places[path]
		switch {
		case name.Kind != yaml.ScalarNode:
			r.bad(at, path, "a key must be a plain word", "")
		case k < 0:
			r.bad(at, path, "unknown key", meant(name.Value, names(keys), "known here: "))
		case before:
			r.bad(at, path, "is here for the second time", "keep one of them")
		default:
			r.file.places[path] = place{v.Line, v.Column}
			if x, ok := r.value(path, v, keys[k]); ok {
				p[name.Value] = x
			}
		}
	}
	for _, k := range keys {
		if _, given := r.file.places[join(path, k.Name)]; k.Required && !given {
			r.bad(at, join(path, k.Name), "is missing", "add `"+k.Name+": ...`: "+k.Help)
		}
	}
	return p
}

// value reads the value of one key.
func (r *reader) value(path string, n *yaml.Node, k kind.Key) (x any, ok bool) {
	switch k.Type {
	case kind.Map:
		m := r.object(path, n, k.Keys)
		return m, m != nil
	case kind.List:
		return r.list(path, n, k)
	}
	at := place{n.Line, n.Column}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.bad(at, path, "must be a single value", "aliases are not followed")
		return nil, false
	}
	text, err := strings.TrimSpace(n.Value), error(nil)
	switch k.Type {
	case kind.Int, kind.Address:
		var v int64
		v, err = strconv.ParseInt(text, 0, 64)
		x, err = v, inside(err, float64(v), k)
	case kind.Float:
		var v float64
		v, err = strconv.ParseFloat(text, 64)
		x, err = v, inside(err, v, k)
	case kind.Duration:
		var v time.Duration
		v, err = time.ParseDuration(text)
		x, err = v, inside(err, v.Seconds(), k)
	case kind.Bool:
		if x = text == "true"; text != "true" && text != "false" {
			err = errors.New("must be true or false")
		}
	case kind.String, kind.Enum:
		x = n.Value
		if len(k.Enum) > 0 && !slices.Contains(k.Enum, text) {
			err = fmt.Errorf("unknown value %q", clip(text))
		}
	default:
		err = errors.New("does not belong into a definition")
	}
	if err != nil {
		hint := k.Help
		if len(k.Enum) > 0 {
			hint = meant(text, k.Enum, "one of ")
		}
		r.bad(at, path, err.Error(), hint)
		return nil, false
	}
	return x, true
}

func (r *reader) list(path string, n *yaml.Node, k kind.Key) (any, bool) {
	if n.Kind != yaml.SequenceNode {
		r.bad(place{n.Line, n.Column}, path, "must be a list", "begin each entry with `- `, or write [a, b]")
		return nil, false
	}
	items := []any{}
	for i, n := range n.Content {
		path := fmt.Sprintf("%s[%d]", path, i)
		r.file.places[path] = place{n.Line, n.Column}
		if x, ok := r.value(path, n, *k.Elem); ok {
			items = append(items, x)
		}
	}
	if c := float64(len(n.Content)); k.Min != nil && c < *k.Min || k.Max != nil && c > *k.Max {
		r.bad(place{n.Line, n.Column}, path, fmt.Sprintf("has %d entries", len(n.Content)), bounds(k, ""))
		return nil, false
	}
	return items, true
}

// inside checks a number's bounds; err is that of reading it.
func inside(err error, v float64, k kind.Key) error {
	unit := ""
	if k.Type == kind.Duration {
		unit = "s"
	}
	switch {
	case err != nil && k.Type == kind.Duration:
		return errors.New("must be a duration with its unit: 15ms, 2s")
	case err != nil || v-v != 0:
		return errors.New("must be a number")
	case k.Min != nil && v < *k.Min || k.Max != nil && v > *k.Max:
		return fmt.Errorf("%v%s is out of range; %s", v, unit, bounds(k, unit))
	}
	return nil
}

func bounds(k kind.Key, unit string) string {
	switch {
	case k.Min == nil:
		return fmt.Sprintf("at most %v%s is allowed", *k.Max, unit)
	case k.Max == nil:
		return fmt.Sprintf("at least %v%s is allowed", *k.Min, unit)
	}
	return fmt.Sprintf("allowed are %v%s to %v%s", *k.Min, unit, *k.Max, unit)
}

func names(keys []kind.Key) (all []string) {
	for _, k := range keys {
		all = append(all, k.Name)
	}
	return all
}

// meant says what to write instead of an unknown word: the known one that it resembles, else what there is.
func meant(word string, known []string, others string) string {
	if near := nearest.Of(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return others + strings.Join(known, ", ")
}

func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}
