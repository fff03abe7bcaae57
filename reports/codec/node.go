package codec

import (
	"unicode/utf8"
)

// position is a place in a document, counted from 1.
type position struct{ line, column int }

// nodeKind says what a node holds.
type nodeKind int

const (
	objectNode nodeKind = iota
	listNode
	textNode
	numberNode
	boolNode
	nullNode
)

// words for messages.
func (k nodeKind) String() string {
	return [...]string{"an object", "a list", "text", "a number", "true or false", "null"}[k]
}

// node is a document as it is written, before it becomes a value: both JSON
// and YAML are read into it, so that one set of rules holds for both.
type node struct {
	kind nodeKind
	at   position
	// text is the decoded text of a textNode and the literal of a numberNode
	// or boolNode.
	text   string
	fields []field // of an objectNode, in the order of the document
	items  []*node // of a listNode
}

// field is one entry of an object.
type field struct {
	name  string
	at    position
	value *node
}

// lines finds positions from byte offsets.
type lines struct {
	data   []byte
	starts []int
}

func newLines(data []byte) *lines {
	l := &lines{data: data, starts: []int{0}}
	for i, b := range data {
		if b == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

func (l *lines) position(offset int) position {
	offset = min(offset, len(l.data))
	low, high := 0, len(l.starts)
	for high-low > 1 {
		if middle := (low + high) / 2; l.starts[middle] <= offset {
			low = middle
		} else {
			high = middle
		}
	}
	return position{line: low + 1, column: utf8.RuneCount(l.data[l.starts[low]:offset]) + 1}
}
