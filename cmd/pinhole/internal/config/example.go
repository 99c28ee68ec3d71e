package config

import _ "embed"

// example is the complete, commented configuration.
//
//go:embed example.yaml
var example string

// Example returns the complete configuration: every key, commented, at its default. It passes Parse on any machine.
func Example() string { return example }
