package bustest

import (
	"flag"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/callout-hq/callout/pkg/bus/shards"
)

// slots bounds how many tests have a server at a time: as many as -parallel says. A
// test whose parts run beside each other gives its turn back while those wait for
// theirs, and what it has started goes on: with a hundred of them nobody gets on.
var slots chan struct{}

// servers counts those of each test that has a slot.
var servers = struct {
	sync.Mutex
	of map[string]int
}{of: map[string]int{}}

// Limit has the tests of a package wait in Turn, and for nothing else. It is called
// once, by TestMain.
func Limit() {
	flag.Parse()
	if n, err := strconv.Atoi(os.Getenv("CALLOUT_TEST_SHARDS")); err == nil {
		shards.Unasked = n
	}
	if flag.Lookup("test.fuzz").Value.String() != "" { // its -parallel is how many processes look for inputs
		return
	}
	n, err := strconv.Atoi(flag.Lookup("test.parallel").Value.String())
	if err != nil {
		panic(err)
	}
	slots = make(chan struct{}, n)
	if err := flag.Set("test.parallel", "1000"); err != nil {
		panic(err)
	}
}

// Turn waits until the test may start a server, until whose end it is the test's turn.
// One that has one already may have another: it would wait for itself. Without Limit
// it waits for nothing.
func Turn(t testing.TB) {
	t.Helper()
	if slots == nil {
		return
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	servers.Lock()
	servers.of[name]++
	first := servers.of[name] == 1
	servers.Unlock()
	if first {
		slots <- struct{}{}
	}
	t.Cleanup(func() {
		servers.Lock()
		servers.of[name]--
		last := servers.of[name] == 0
		servers.Unlock()
		if last {
			<-slots
		}
	})
}
