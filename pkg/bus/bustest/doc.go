// Package bustest is what the tests of the bus and its rooms stand on: a real
// server, connections to it, and two instances that every test runs with. Only
// tests import it.
package bustest
