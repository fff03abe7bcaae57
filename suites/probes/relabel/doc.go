// Package relabel tries, as the tenant, to change the labels of the tenant's
// own namespaces. By such labels Pod Security and policy engines choose what
// they enforce: whoever may change them can lift the rules that bind them.
//
// The label that is set means nothing to anybody, and is taken back at once.
// Labels on which rules depend are only tried as a dry run, for a change that
// took effect would open the namespace while other probes are at work in it.
// The positive control is the same request on a pod of the tenant's own: it
// shows that the account is known, and that what refuses the other request is
// a rule and not trouble.
package relabel
