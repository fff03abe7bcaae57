package html

import "regexp"

// catalogueID is what the IDs of our catalogue and of our checks look like,
// such as APP.4.4.A7, APP.4.4.A7-UA.3 and APP.4.4.A7/network-policy-enforced.
// Only such an ID becomes an anchor, so that a link into the page can be
// written by hand and stays the same in every report; whatever a report holds
// besides, no other text of it becomes part of a link.
var catalogueID = regexp.MustCompile(`^[A-Z]{2,8}(\.[0-9]{1,3}){1,6}(\.A[0-9]{1,3})?(-UA\.[0-9]{1,3})?(/[a-z0-9]{1,30}(-[a-z0-9]{1,30}){0,12})?$`)

// anchors gives each thing on the page an anchor of its own.
type anchors map[string]bool

// of gives the ID itself where it is one of ours and is not taken, and the
// number otherwise. Numbers begin with a small letter, so they never meet an ID.
func (a anchors) of(id, number string) string {
	if a[id] || len(id) > 160 || !catalogueID.MatchString(id) {
		id = number
	}
	a[id] = true
	return id
}
