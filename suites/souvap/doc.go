// Package souvap holds the checks of the rules that the Souveräner
// Arbeitsplatz adds: one file per rule with its checks and their Judges. Judges
// are pure; what they look at comes from the packages under suites/probes.
package souvap
