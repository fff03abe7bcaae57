// Package sys16 holds the checks of SYS.1.6 (containerisation): one file per
// requirement with its checks and their Judges. Judges are pure; what they
// look at comes from the packages under suites/probes.
package sys16
