// Command target is the target of the conformance kit: section 9 of schemas/conformance/README.md.
//
//	CALLOUT_KEYS=whsec_… go run ./conformance/target 0
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"sync"
	"time"

	callout "github.com/callout-hq/callout/sdk/go"
)

const things = "conf.v1.Things"

type (
	object map[string]any
	event  = callout.Event[json.RawMessage]
)

type thing struct {
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
}

// counter counts how often handlers of events ran.
type counter struct {
	mu   sync.Mutex
	runs map[string]int
}

func (c *counter) add(e event) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := e.EventType + "/" + e.AggregateID
	c.runs[name]++
	return c.runs[name]
}

func (c *counter) all() object {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := object{}
	for name, n := range c.runs {
		out[name] = n
	}
	return object{"counts": out}
}

func main() {
	o, err := callout.Env()
	if err != nil {
		log.Fatal(err)
	}
	hooks, err := callout.New(o)
	if err != nil {
		log.Fatal(err)
	}
	calls(hooks)
	events(hooks)
	port := "0"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	if err := callout.Serve(context.Background(), "127.0.0.1:"+port, hooks); err != nil {
		log.Fatal(err)
	}
}

func calls(hooks *callout.Receiver) {
	answers := func(condition string, answer any, err error) {
		callout.OnRequest(hooks, condition, func(context.Context, callout.Call[json.RawMessage]) (any, error) { return answer, err })
	}
	callout.OnRequest(hooks, "/"+things+"/Change", func(_ context.Context, c callout.Call[thing]) (any, error) {
		return object{"displayName": c.Request.GivenName + " " + c.Request.FamilyName}, nil
	})
	answers("/"+things+"/Unchanged", nil, nil)
	answers("/"+things+"/Reject", nil, callout.Reject(422, "a thing needs a name"))
	answers("/"+things+"/Throw", nil, errors.New("secret inside"))
	answers("/"+things+"/List", []int{1, 2}, nil)
	answers(things, object{"by": "service"}, nil)
	answers("*", object{"by": "all"}, nil)
	callout.OnRequest(hooks, "/"+things+"/Hang", func(ctx context.Context, _ callout.Call[json.RawMessage]) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	callout.OnRequest(hooks, "/"+things+"/Echo", func(_ context.Context, c callout.Call[json.RawMessage]) (any, error) {
		return object{"seen": c.Raw}, nil
	})
	callout.OnResponse(hooks, "/"+things+"/Change", func(_ context.Context, c callout.Response[json.RawMessage, struct{ Count int }]) (any, error) {
		return object{"count": c.Response.Count + 1}, nil
	})
	callout.OnFunction(hooks, "create_id_token", func(_ context.Context, t callout.TokenContext) (any, error) {
		return callout.Claim("uid", t.User.ID), nil
	})
}

func events(hooks *callout.Receiver) {
	c := &counter{runs: map[string]int{}}
	callout.OnFunction(hooks, "counts", func(context.Context, json.RawMessage) (any, error) { return c.all(), nil })
	on := func(condition string, do func(n int) error) {
		callout.OnEvent(hooks, condition, func(_ context.Context, e event) error { return do(c.add(e)) })
	}
	on("thing.added", func(int) error { return nil })
	on("thing.*", func(int) error { return nil })
	on("fail.always", func(int) error { return errors.New("secret inside") })
	on("fail.once", func(n int) error {
		if n == 1 {
			return errors.New("secret inside")
		}
		return nil
	})
	on("slow.thing", func(int) error { time.Sleep(500 * time.Millisecond); return nil })
	on("later.thing", func(int) error { return callout.Later("the directory is down", 7*time.Second) })
	on("never.thing", func(int) error { return callout.Never("it is of no use") })
	on("reject.thing", func(int) error { return callout.Reject(422, "no") })
}
