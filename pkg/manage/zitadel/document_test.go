package zitadel_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const document = "../../../docs/zitadel.md"

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestDocument runs what docs/zitadel.md shows, word for word, on a node and a
// target of the test. curl is played by the test itself.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	block := shellBlock.FindSubmatch(text)
	require.NotNil(t, block)
	h := newHooks(t)
	h.obey("/displayname", 200, `{"givenName":"Ada","familyName":"Lovelace","displayName":"Ada Lovelace"}`)
	tools := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, filepath.Join(tools, "curl")))

	script := strings.ReplaceAll(string(block[1]), "http://127.0.0.1:9000", h.URL)
	cmd := exec.CommandContext(within(t), "sh", "-eux", "-c", script)
	cmd.Env = append(os.Environ(), "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"), "CALLOUT="+run(t, "").HTTPURL())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), `"request":{"givenName":"Ada","familyName":"Lovelace","displayName":"Ada Lovelace"}`)
	require.Regexp(t, `"targets":\["[0-9A-Z]{26}"\]`, string(out))
	require.Contains(t, string(out), `"changeDate":`)
	require.Contains(t, string(out), `"deletionDate":`)
}

// TestDocumentNamesEveryCall and every path, and no other.
func TestDocumentNamesEveryCall(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	calls := map[string]bool{}
	for _, st := range steps {
		calls[st.call] = true
		require.Contains(t, string(text), "`"+st.call+"`")
	}
	require.Len(t, calls, 15)
}

// curl does what the document asks of curl.
func curl(args []string) error {
	method, url, body, header := "", "", "", http.Header{}
	for i := 0; i < len(args); i++ {
		value := func() string { i++; return args[i] }
		switch args[i] {
		case "-sf":
		case "-X":
			method = value()
		case "-H":
			name, content, _ := strings.Cut(value(), ": ")
			header.Set(name, content)
		case "-d":
			body = value()
		default:
			url = args[i]
		}
	}
	if method == "" && body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(resp.Body)
	fmt.Print(string(raw))
	if err == nil && resp.StatusCode >= 400 {
		err = fmt.Errorf("%s", resp.Status)
	}
	return err
}
