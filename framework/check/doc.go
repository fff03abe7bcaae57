// Package check holds what a check is: metadata, the probes it looks through,
// and a pure Judge over what they saw. Probes observe and never judge; Judges
// decide and never touch a cluster.
//
// A Judge always gets an observation that was written to and read back from
// its evidence form, so that judging a run and re-judging its bundle are the
// same code on the same bytes, and a field that is absent from the evidence
// can never count as a good one: Decode refuses it.
package check
