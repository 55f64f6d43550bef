package calloutgrpc_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

// connected gives a client of an engine in this process, in which one target
// answers every request with answer.
func connected(answer string) (client *callout.Client, stop func()) {
	return connectedTo(answer, `
targets: {it: {type: call, url: "URL", interrupt_on_error: true}}
requests: {"*": {targets: [{target: it}]}}
`)
}

// connectedTo is connected with a configuration, in which URL is the target's.
func connectedTo(answer, config string) (client *callout.Client, stop func()) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer)
	}))
	engine, err := node.Start(ctx, node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", ConfigName: "callout.yaml", Config: []byte(strings.ReplaceAll(config, "URL", target.URL))})
	if err != nil {
		panic(err)
	}
	client, err = callout.Connect(ctx, callout.Options{URL: engine.NATSURL(), Exempt: []string{"/acme.user.v1.AdminService/"}})
	if err != nil {
		panic(err)
	}
	return client, func() {
		client.Close()
		_ = engine.Close(ctx)
		target.Close()
		cancel()
	}
}
