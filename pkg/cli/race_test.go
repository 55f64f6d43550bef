//go:build race

package cli_test

// slower is how much longer a promised time may be in this build: the race
// detector is no part of what is promised.
const slower = 2
