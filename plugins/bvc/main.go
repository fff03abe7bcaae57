// Command bvc is the one binary: command line, Sonobuoy plugin and probe agent.
package main

func main() {}
