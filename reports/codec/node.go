package codec

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

// cursor finds positions from byte offsets. It counts on from the last answer,
// because each value of a document is asked for in turn: counting columns from
// the line's start would take hours for one long line.
type cursor struct {
	data   []byte
	offset int
	at     position
}

func newCursor(data []byte) *cursor { return &cursor{data: data, at: position{1, 1}} }

func (c *cursor) position(offset int) position {
	offset = min(offset, len(c.data))
	if offset < c.offset {
		c.offset, c.at = 0, position{1, 1}
	}
	for ; c.offset < offset; c.offset++ {
		switch b := c.data[c.offset]; {
		case b == '\n':
			c.at = position{c.at.line + 1, 1}
		case b&0xc0 != 0x80: // a rune counts once, by its first byte
			c.at.column++
		}
	}
	return c.at
}
