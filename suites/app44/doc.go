// Package app44 holds the checks of APP.4.4 (Kubernetes): one file per
// requirement with its checks and their Judges. Judges are pure; what they
// look at comes from the packages under suites/probes.
package app44
