package generated

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

const method = "/acme.user.v1.UserService/CreateUser"

// conditions are what the servers are generated for.
var conditions = []string{"--request", method, "--response", "acme.user.v1.UserService", "--function", "create_id_token", "--event", "user.added", "--event", "user.*"}

// languages are how a handler is filled in, in each: a request is refused without a given name,
// and else changed; an event is printed.
var languages = []struct {
	name, file string
	again      string   // what is run where a file was changed
	filled     []string // what is there, and what is put in its place, in turn
}{{
	name: "go", file: "main.go", filled: []string{
		`	"context"`, `	"context"
	"fmt"`,
		`	return nil, nil // unchanged`, `	given, _ := call.Request["givenName"].(string)
	if given == "" {
		return nil, callout.Reject(422, "a user needs a given name")
	}
	return map[string]any{"displayName": given}, nil // unchanged`,
		`	return nil // done`, `	fmt.Println("added", event.AggregateID, event.Payload["name"])
	return nil // done`,
	},
}, {
	name: "python", file: "hooks.py", filled: []string{
		`import Call,`, `import Reject, Call,`,
		`    return None  # unchanged`, `    given = call.request.get("givenName")
    if not given:
        raise Reject(422, "a user needs a given name")
    return {"displayName": given}  # unchanged`,
		`    pass  # done`, `    print("added", event.aggregate_id, event.payload["name"], flush=True)  # done`,
	},
}, {
	name: "typescript", again: "npm run build", file: "src/hooks.ts", filled: []string{
		`import { callout }`, `import { callout, reject }`,
		`    return undefined; // unchanged`, `    if (!request.givenName) return reject(422, "a user needs a given name");
    return { displayName: request.givenName }; // unchanged`,
		`    // done`, `    console.log("added", event.aggregateID, (event.event_payload as { name: string }).name); // done`,
	},
}, {
	name: "java", again: "mvn -q package", file: "src/main/java/Hooks.java", filled: []string{
		`        return Answer.unchanged(); // Answer.change(object)`, `        if (call.request().get("givenName") == null) {
            return Answer.reject(422, "a user needs a given name");
        }
        return Answer.change("displayName", call.request().get("givenName")); // Answer.change(object)`,
		`        // done`, `        System.out.println("added " + event.aggregateId() + " " + event.payload().get("name")); // done`,
	},
}, {
	name: "kotlin", again: "mvn -q package", file: "src/main/kotlin/Hooks.kt", filled: []string{
		`    return Answer.unchanged() // Answer.change(object)`, `    val given = call.request()["givenName"] ?: return Answer.reject(422, "a user needs a given name")
    return Answer.change("displayName", given) // Answer.change(object)`,
		`    // done`, `    println("added ${event.aggregateId()} ${event.payload()["name"]}") // done`,
	},
}}

func TestServers(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			p := generate(t, program, l.name, conditions...)
			p.build(t)
			at := callout(t, p.dir)
			_, stop := p.start(t)
			unchanged(t, at)
			strangers(t, p)
			stop()

			p.patch(t, l.file, l.filled...)
			if l.again != "" {
				shell(t, p.dir, 10*time.Minute, "sh", "-c", l.again)
			}
			lines, _ := p.start(t)
			changed(t, at)
			added(t, at, lines)
		})
	}
}

// unchanged has every handler do nothing.
func unchanged(t *testing.T, at string) {
	t.Helper()
	for path, body := range map[string]map[string]any{
		"request":                   {"fullMethod": method, "request": map[string]any{"givenName": "Ada"}},
		"response":                  {"fullMethod": method, "request": map[string]any{}, "response": map[string]any{"id": "u1"}},
		"functions/create_id_token": {"user": map[string]any{"id": "u1"}},
	} {
		status, answer := post(t, at+"/calls/"+path, body)
		warnings, _ := answer["warnings"].([]any)
		if status != http.StatusOK || answer["outcome"] != "continue" || answer["request"] != nil || answer["response"] != nil || answer["error"] != nil || len(warnings) > 0 {
			t.Errorf("the %s is answered %d %v", path, status, answer)
		}
	}
}

// changed has a request changed, and refused.
func changed(t *testing.T, at string) {
	t.Helper()
	_, answer := post(t, at+"/calls/request", map[string]any{"fullMethod": method, "request": map[string]any{"givenName": "Ada"}})
	if user, _ := answer["request"].(map[string]any); user["displayName"] != "Ada" || user["givenName"] != "Ada" {
		t.Errorf("it is not changed: %v", answer)
	}
	_, answer = post(t, at+"/calls/request", map[string]any{"fullMethod": method, "request": map[string]any{}})
	if refused, _ := answer["error"].(map[string]any); answer["outcome"] == "continue" || refused["message"] != "a user needs a given name" {
		t.Errorf("it is not refused: %v", answer)
	}
}

// added has an event delivered.
func added(t *testing.T, at string, lines <-chan string) {
	t.Helper()
	body := map[string]any{"aggregateID": "u1", "event_type": "user.added", "event_payload": map[string]any{"name": "Ada"}}
	if status, answer := post(t, at+"/events", body); status >= 300 {
		t.Fatalf("the event is answered %d %v", status, answer)
	}
	for {
		if line := next(t, lines); strings.Contains(line, "added") {
			if line != "added u1 Ada" {
				t.Errorf("the handler printed %q", line)
			}
			return
		}
	}
}

// strangers are refused: who has no key, and who changes what was signed.
func strangers(t *testing.T, p *project) {
	t.Helper()
	body := `{"fullMethod":"` + method + `","request":{"givenName":"Ada"}}`
	signed := sign(t, read(t, p.dir, "signing.key"), body)
	for _, c := range []struct {
		name, body string
		header     http.Header
		status     int
	}{
		{"a signed request", body, signed, http.StatusNoContent},
		{"an unsigned request", body, http.Header{}, http.StatusUnauthorized},
		{"a tampered request", strings.Replace(body, "Ada", "Eve", 1), signed, http.StatusUnauthorized},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = c.header.Clone()
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != c.status {
			t.Errorf("%s is answered %d, not %d", c.name, answer.StatusCode, c.status)
		}
	}
}

// sign signs a body as Standard Webhooks has it.
func sign(t *testing.T, key, body string) http.Header {
	t.Helper()
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(key), "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("msg_1." + at + "." + body))
	return http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
}
