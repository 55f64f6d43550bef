package zitadel_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	search    = "/v2/actions/targets/search"
	procedure = "/zitadel.action.v2.ActionService/ListTargets"
)

// TestManners: what is no proper request is refused by name, in both forms.
func TestManners(t *testing.T) {
	url := run(t, "").HTTPURL()
	deep := strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101)
	for _, tt := range []struct {
		name, body string
		header     map[string]string
		rest       int
		connect    int
		says       string
	}{
		{"as it should be", `{}`, nil, 200, 200, `"appliedLimit":"100"`},
		{"no body", ``, map[string]string{"Content-Type": "application/json"}, 200, 200, ""},
		{"UTF-8 by name", `{}`, map[string]string{"Content-Type": "application/json; charset=UTF-8"}, 200, 200, ""},
		{"a member that is not known", `{"newest":{"a":[1]},"pagination":{"limit":7,"newer":null}}`, nil, 200, 200, `"appliedLimit":"7"`},
		{"the other spelling", `{"sorting_column":4,"filters":[{"target_name_filter":{"target_name":"no_such","method":0}}]}`, nil, 200, 200, ""},
		{"the other spelling, and wrong", `{"filters":[{"target_name_filter":{"target_name":7}}]}`, nil, 400, 400, "filters[0].targetNameFilter.targetName: a text"},
		{"numbers as texts, and none", `{"pagination":{"limit":"7","offset":null,"asc":null},"filters":null,"sortingColumn":null}`, nil, 200, 200, `"appliedLimit":"7"`},
		{"an organization, which means nothing here", `{}`, map[string]string{"x-zitadel-orgid": "acme"}, 200, 200, ""},

		{"no JSON", `{`, nil, 400, 400, "ends too early"},
		{"no object", `[]`, nil, 400, 400, "a JSON object was expected"},
		{"null", `null`, nil, 400, 400, "a JSON object was expected"},
		{"two values", `{}{}`, nil, 400, 400, "one JSON value"},
		{"a member twice", `{"pagination":{"limit":1,"limit":2}}`, nil, 400, 400, "twice"},
		{"a member twice in two spellings", `{"sortingColumn":1,"sorting_column":1}`, nil, 400, 400, "twice"},
		{"an unknown member twice", `{"new":1,"new":2}`, nil, 400, 400, "twice"},
		{"bad UTF-8", "{\"a\":\"\xff\"}", nil, 400, 400, "JSON"},
		{"too deep", deep, nil, 400, 400, "too deep"},
		{"another case", `{"pagination":{"LIMIT":7}}`, nil, 200, 200, `"appliedLimit":"100"`},
		{"a text for a number", `{"pagination":{"limit":"x"}}`, nil, 400, 400, "pagination.limit: a whole number is expected"},
		{"less than none", `{"pagination":{"offset":-1}}`, nil, 400, 400, "pagination.offset: a whole number is expected"},
		{"a text for a list", `{"filters":"x"}`, nil, 400, 400, "filters: a list is expected"},
		{"a number for a text", `{"filters":[{"targetNameFilter":{"targetName":7}}]}`, nil, 400, 400, "filters[0].targetNameFilter.targetName: a text is expected"},
		{"a list for an object", `{"pagination":[]}`, nil, 400, 400, "pagination: an object is expected"},
		{"a name that is none", `{"sortingColumn":"TARGET_FIELD_NAME_COLOUR"}`, nil, 400, 400, "sortingColumn: a name such as TARGET_FIELD_NAME_ID is expected"},
		{"a number that is none", `{"sortingColumn":9}`, nil, 400, 400, "sortingColumn: a name such as"},

		{"another host", `{}`, map[string]string{"Host": "evil.example"}, 403, 403, "Host"},
		{"a page of another origin", `{}`, map[string]string{"Origin": "https://evil.example"}, 403, 403, "origin"},
		{"a form", `{}`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, 415, "application/json"},
		{"text", `{}`, map[string]string{"Content-Type": "text/plain"}, 415, 415, "application/json"},
		{"text in gRPC-Web", `{}`, map[string]string{"Content-Type": "application/grpc-web-text"}, 415, 415, "application/json"},
		{"another form of gRPC", `{}`, map[string]string{"Content-Type": "application/grpc+thrift"}, 415, 200, "application/json"},
		{"another charset", `{}`, map[string]string{"Content-Type": "application/json; charset=latin1"}, 415, 415, ""},
		{"an instance that is not there", `{}`, map[string]string{"Callout-Instance": "nowhere"}, 404, 404, "instance"},
		{"an instance that cannot be", `{}`, map[string]string{"Callout-Instance": strings.Repeat("x", 201)}, 400, 400, "Callout-Instance: "},
		{"a revision that is none", `{}`, map[string]string{"Callout-Min-Revision": "new"}, 400, 400, "Callout-Min-Revision"},
		{"too large", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, 429, "1048576"},
		{"far too large", strings.Repeat(" ", 4<<20), nil, 413, 429, "1048576"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := ask(t, "POST", url+search, tt.body, tt.header)
			require.Equal(t, tt.rest, status, answer)
			require.Contains(t, answer, tt.says)
			status, answer = ask(t, "POST", url+procedure, tt.body, tt.header)
			require.Equal(t, tt.connect, status, answer)
			if tt.connect == tt.rest && tt.connect != 415 {
				require.Contains(t, answer, tt.says)
			}
		})
	}
}

// TestOnlyItsMethod: another method is refused, and the answer says which one
// can be asked for.
func TestOnlyItsMethod(t *testing.T) {
	url := run(t, "").HTTPURL()
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/v2/actions/targets", 405, "POST"},
		{"PUT", "/v2/actions/targets/x", 405, "DELETE, GET, POST"},
		{"GET", search, 405, "POST"},
		{"POST", "/v2/actions/executions", 405, "PUT"},
		{"OPTIONS", "/v2/actions/executions/methods", 405, "GET"},
		{"HEAD", "/v2/actions/executions/methods", 200, ""},
		{"GET", "/v2/actions/targets/x/publickeys/k", 405, "DELETE"},
		{"GET", procedure, 405, "POST"},
		{"PUT", procedure, 405, "POST"},
		{"GET", "/v2/actions/nothing", 404, ""},
		{"POST", "/v2/actions/targets/search/more", 404, ""},
		{"POST", "/zitadel.action.v2.ActionService/Nothing", 404, ""},
		{"POST", "/zitadel.action.v2.ActionService/", 404, ""},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			resp := send(t, tt.method, url+tt.path, "", nil)
			require.Equal(t, tt.status, resp.StatusCode)
			require.Equal(t, tt.allow, resp.Header.Get("Allow"))
			require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		})
	}
}

// TestPut: the port's own guard looks at POST alone, so PUT is looked at here.
func TestPut(t *testing.T) {
	c := toolFor(run(t, ""))
	const set = `{"condition":{"request":{"all":true}}}`
	c.must(t, "PUT", "executions", set)
	c.header["Content-Type"] = "text/plain"
	c.refused(t, 415, "PUT", "executions", set)
	c.header["Content-Type"] = "application/json"
	c.header["Content-Encoding"] = "gzip"
	_, field := c.refused(t, 415, "PUT", "executions", set)
	require.Equal(t, "Content-Encoding", field)
}

// TestCompressed: a Connect client may compress what it sends, and its bound
// holds for what comes out.
func TestCompressed(t *testing.T) {
	url := run(t, "").HTTPURL() + procedure
	header := map[string]string{"Content-Encoding": "gzip"}
	status, answer := ask(t, "POST", url, zipped(t, `{"pagination":{"limit":3}}`), header)
	require.Equal(t, 200, status, answer)
	require.Contains(t, answer, `"appliedLimit":"3"`)
	status, answer = ask(t, "POST", url, zipped(t, strings.Repeat(" ", 8<<20)), header)
	require.Equal(t, 429, status, answer)
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}
