package payload

import _ "embed"

//go:embed schema/json.json
var schemaJSON string

//go:embed schema/columns.json
var schemaColumns string

// Schema returns the JSON Schema (draft 2020-12) of a format's messages. senml has none of ours: RFC 8428 defines it.
func Schema(format string) (text string, ok bool) {
	switch format {
	case "json":
		return schemaJSON, true
	case "columns":
		return schemaColumns, true
	}
	return "", false
}
