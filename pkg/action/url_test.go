package action

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShownURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                                          "",
		"nats://127.0.0.1:4222":                     "nats://127.0.0.1:4222",
		"nats://user:secret@h:4222":                 "nats://h:4222",
		"nats://secret@h:4222":                      "nats://h:4222",
		"user:secret@h:4222":                        "h:4222",
		"secret@h":                                  "h",
		"nats://user:se/cret@h:4222":                "nats://h:4222",
		"nats://user:se@cret@h":                     "nats://h",
		"nats://user:se?c#r%zzet@h":                 "nats://h",
		"nats://user:se\"cr et\x00@h":               "nats://h",
		"nats://user:secret://x@h":                  "nats://h",
		"nats://u:secret@a:1,nats://u:secret@b:2,c": "nats://a:1,nats://b:2,c",
		"nats://u:secret@a:1, u:secret@b:2":         "nats://a:1,b:2",
		"https://user:secret@h/path?q=1":            "https://h/path?q=1",
		"nats://user:sec,ret@h:1":                   "nats://h:1",
		"nats://user:se,cr,et@h:1,nats://i":         "nats://h:1,nats://i",
		"nats://a:1,nats://user:sec,ret@h":          "nats://a:1,nats://h",
		"nats://a:1,b:2,c:3":                        "nats://a:1,b:2,c:3",
	} {
		require.Equal(t, want, ShownURL(url), url)
	}
}

func TestShownText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"no URL, but ada@example.com":                                "no URL, but ada@example.com",
		"see https://h/x, or write to a@b":                           "see https://h/x, or write to a@b",
		`parse "nats://user:secret@h": bad`:                          `parse "nats://h": bad`,
		`parse "nats://user:se\"cret@h:1": bad`:                      `parse "nats://h:1": bad`,
		"at nats://u:secret@a,nats://secret@b: x":                    "at nats://a,nats://b: x",
		"Post \"http://secret@h/p\": dial tcp\nnats://u:secret@h\t.": "Post \"http://h/p\": dial tcp\nnats://h\t.",
	} {
		require.Equal(t, want, ShownText(text), text)
	}
}
