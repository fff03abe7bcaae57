// Package ci holds the rules of this repository as tests. What runs on
// clusters is in the packages below it.
package ci
