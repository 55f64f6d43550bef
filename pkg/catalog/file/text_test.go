package file

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/catalog"
)

const inForce = `
targets:
  audit: {type: webhook, url: https://a.example/audit}
  check: {type: call, url: https://a.example/check}
requests:
  shared: {targets: [{target: check}]}
  add: {condition: /s.S/Add, targets: [{include: shared}]}
events: {user.added: {targets: [{target: audit}]}}
orgs: {acme: {targets: {own: {type: webhook, url: https://a.example/own}}, events: {"*": {targets: [{target: own}]}}}}
`

func text(src string) *Text { return textOf("", []File{{Name: "f.yaml", Text: []byte(src)}}) }

func textOf(instance string, files []File) *Text {
	x, err := ReadText(context.Background(), instance, files)
	if err != nil {
		panic(err)
	}
	return x
}

// TestTextOver: what a text names may stand in what is in force; its mistakes
// have their positions, those that it makes elsewhere have none.
func TestTextOver(t *testing.T) {
	current := parsed(t, inForce)
	for _, c := range []struct{ name, src, problems, changes string }{
		{"it names what is in force", "requests: {/s.S/Get: {targets: [{include: shared}, {target: audit}]}}\n",
			"", "+ execution request /s.S/Get\n"},
		{"it takes the place of one", "targets: {check: {type: webhook, url: https://a.example/other}}\n",
			"", "~ target check: type, url\n"},
		{"it takes a condition over", "requests:\n  create: {condition: /s.S/Add, targets: [{target: check}]}\n",
			"", "- execution request add (/s.S/Add)\n+ execution request create (/s.S/Add)\n"},
		{"an organization is made", "orgs: {beta: {events: {user.added: {targets: [{target: audit}]}}}}\n",
			"", "+ execution event user.added of organization beta\n"},
		{"it names what is nowhere", "requests:\n  /s.S/Get: {targets: [{target: adit}]}\n",
			"f.yaml:2:33: error: no target is named \"adit\"; did you mean \"audit\"? [unknown_target]\n", ""},
		{"a form that cannot be read", "targets:\n  new: {tpye: call, url: https://a.example}\n",
			"f.yaml:2:3: warning: nothing uses the target \"new\" [unused_target]\n" +
				"f.yaml:2:3: error: target \"new\" has no type: webhook, call or async [missing]\n" +
				"f.yaml:2:9: error: unknown key \"tpye\"; did you mean \"type\"? [unknown_key]\n", ""},
		{"it breaks what is in force", "targets:\n  audit: {type: call, url: https://a.example/audit}\n",
			"events.\"user.added\".targets[0].target: error: an event goes to webhook and async targets only, and \"audit\" is a call target [call_in_event]\n", ""},
		{"a doubt of its own", "targets:\n  new: {type: call, url: https://a.example}\n",
			"f.yaml:2:3: warning: nothing uses the target \"new\" [unused_target]\n", "+ target new\n"},
		{"nothing", "", "", ""},
	} {
		before := Export(current)
		next, problems := text(c.src).Over(current, time.Time{})
		require.Equal(t, c.problems, show(problems), c.name)
		require.Equal(t, string(before), string(Export(current)), "it is not written to")
		if catalog.HasErrors(problems) {
			require.Nil(t, next, c.name)
			continue
		}
		require.Equal(t, c.changes, changed(current, next), c.name)
	}
}

func changed(before, after *catalog.Snapshot) (out string) {
	for _, c := range catalog.Diff(before, after) {
		out += c.String() + "\n"
	}
	return out
}

// TestTextAlone: by itself a text has no company; what one way of looking at it
// finds does not show in another.
func TestTextAlone(t *testing.T) {
	const src = "requests:\n  /s.S/Get: {targets: [{target: audit}]}\n"
	x := text(src)
	require.Equal(t, catalog.DefaultInstance, x.Instance())
	for range 2 {
		s, problems := x.Alone(time.Time{})
		require.Nil(t, s)
		require.Equal(t, "f.yaml:2:33: error: no target is named \"audit\" [unknown_target]\n", show(problems))
		require.False(t, x.Flawed(), "its form is right")
		s, problems = x.Over(parsed(t, inForce), time.Time{})
		require.NotNil(t, s)
		require.Empty(t, problems)
	}
	require.True(t, text("requests: [").Flawed())
	require.True(t, text("frobs: {}").Flawed())
	require.False(t, text("targets: {t: {type: call, url: nowhere}}").Flawed(), "what a value says is not looked at")

	x = textOf("acme", []File{{"a.yaml", []byte("version: 1\n")}})
	require.Equal(t, "acme", x.Instance())
	require.True(t, textOf("acme", []File{{"a.yaml", []byte("instance: other\n")}}).Flawed())
}

// TestTextOfSeveralFiles: a problem stands in the file that holds the most of
// its path.
func TestTextOfSeveralFiles(t *testing.T) {
	x := textOf("", []File{
		{"a.yaml", []byte("orgs:\n  beta: {targets: {t: {type: webhook, url: https://a.example}}}\n")},
		{"b.yaml", []byte("orgs:\n  beta:\n    events:\n      user.added: {targets: [{target: t}, {target: check}]}\n")},
	})
	_, problems := x.Over(parsed(t, inForce), time.Time{})
	require.Equal(t, "b.yaml:4:52: error: an event goes to webhook and async targets only, and \"check\" is a call target [call_in_event]\n", show(problems))
}

// TestOverNothingIsAlone: over an empty catalog a text is what it is by itself.
func TestOverNothingIsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyCatalog(t)
		x := textOf("", []File{{"f.yaml", Export(s)}})
		alone, found := x.Alone(time.Time{})
		over, foundOver := x.Over(catalog.Empty(s.Instance), time.Time{})
		require.Equal(t, show(found), show(foundOver))
		require.True(t, catalog.Equal(s, alone), "%v", catalog.Diff(s, alone))
		require.True(t, catalog.Equal(alone, over), "%v", catalog.Diff(alone, over))
		again, _ := x.Over(alone, time.Time{})
		require.True(t, catalog.Equal(alone, again), "twice is once")
	})
}

// TestWithin: a scope is not the text's own, what stands in it may be.
func TestWithin(t *testing.T) {
	own := text("targets: {a: {type: call, url: https://a.example}}\norgs: {acme: {events: {user.added: {targets: []}}}}\n").whole.objects()
	for path, want := range map[string]bool{
		"targets.a": true, "targets.a.url": true, "targets.b": false, "targets": false, "": false,
		"orgs.acme": true, "orgs.acme.targets.x": false, "orgs.beta": false,
		`orgs.acme.events."user.added"`: true, `orgs.acme.events."user.added".targets[3].target`: true, `orgs.acme.events."user.*"`: false,
		"instance": true, "requests.x": false,
	} {
		require.Equal(t, want, within(own, path), path)
	}
}
