// Command peer holds the segmentation probe against cyclonus: plan writes what
// cyclonus is to do, compare sets what it saw beside what the probe saw.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

const usage = "usage: peer plan SERVERS_NAMESPACE CLIENTS_NAMESPACE | peer compare COMMAND NAME=FOLDER..."

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "plan":
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(NewPlan(args[1], args[2]))
	case len(args) >= 3 && args[0] == "compare":
		return compare(w, args[1], args[2:])
	}
	return fmt.Errorf("%s", usage)
}
