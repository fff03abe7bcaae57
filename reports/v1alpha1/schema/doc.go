// Package schema holds the JSON Schemas of the published formats, generated
// from the Go types of v1alpha1 and their comments. `go run
// ./reports/v1alpha1/schema/gen` writes them anew; a test of that program
// proves that they are current.
package schema

import (
	"embed"
	"fmt"
)

//go:embed *.schema.json
var files embed.FS

// Names of the schemas.
const (
	ConformanceReport = "conformancereport"
	Evidence          = "evidence"
	Site              = "site"
	Catalogue         = "catalogue"
)

// Read gives a schema (JSON Schema 2020-12) by its name.
func Read(name string) ([]byte, error) {
	data, err := files.ReadFile(name + ".schema.json")
	if err != nil {
		return nil, fmt.Errorf("read the schema %q: %w", name, err)
	}
	return data, nil
}
