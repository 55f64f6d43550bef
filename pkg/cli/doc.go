// Package cli is the command line: it reads flags, builds the parts, runs them
// and prints. Results go to stdout, logs to stderr.
package cli
