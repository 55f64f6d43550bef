package generated

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// typed is how a handler is filled in where the core has declared what is in its bodies. What a type does not
// have does not compile, but in Python, which looks at no types when it runs.
var typed = map[string][]string{
	"go": {
		`	"context"`, `	"context"
	"fmt"`,
		`	return nil, nil // unchanged`, `	if !call.Request.GivenName.Set {
		return nil, callout.Reject(422, "a user needs a given name")
	}
	return &types.RequestChangeAcmeUserV1UserServiceCreateUser{DisplayName: call.Request.GivenName}, nil // unchanged`,
		`	return nil // done`, `	fmt.Println("added", event.AggregateID, event.Payload.Name.Value)
	return nil // done`,
	},
	"python": {
		`import Call,`, `import Reject, Call,`,
		`    return None  # unchanged`, `    if "givenName" not in call.request:
        raise Reject(422, "a user needs a given name")
    return {"displayName": call.request["givenName"]}  # unchanged`,
		`    pass  # done`, `    print("added", event.aggregate_id, event.payload["name"], flush=True)  # done`,
	},
	"typescript": {
		`import { callout }`, `import { callout, reject }`,
		`    return undefined; // unchanged`, `    if (!request.givenName) return reject(422, "a user needs a given name");
    return { displayName: request.givenName }; // unchanged`,
		`    // done`, `    console.log("added", event.aggregateID, event.event_payload.name); // done`,
	},
	"java": {
		`        return Answer.unchanged(); // Answer.change(object)`, `        if (call.request().getGivenName() == null) {
            return Answer.reject(422, "a user needs a given name");
        }
        return Answer.change(new hooks.types.RequestChangeAcmeUserV1UserServiceCreateUser().displayName(call.request().getGivenName())); // Answer.change(object)`,
		`        // done`, `        System.out.println("added " + event.aggregateId() + " " + event.payload().getName()); // done`,
	},
	"kotlin": {
		`    return Answer.unchanged() // Answer.change(object)`, `    val given = call.request().givenName ?: return Answer.reject(422, "a user needs a given name")
    return Answer.change(hooks.types.RequestChangeAcmeUserV1UserServiceCreateUser(displayName = given)) // Answer.change(object)`,
		`    // done`, `    println("added ${event.aggregateId()} ${event.payload().name}") // done`,
	},
}

// TestTypedServers are generated of what a core has declared: names and schemas.
func TestTypedServers(t *testing.T) {
	core := t.TempDir()
	write(t, core, "callout.yaml", "targets: {}\n")
	at := callout(t, core)
	declare(t, at)
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			if l.name == "python" {
				withDatamodel(t)
			}
			p := generate(t, program, l.name, "--core", "users", "--server", server(at))
			p.patch(t, l.file, typed[l.name]...)
			p.build(t)
			at := callout(t, p.dir)
			lines, _ := p.start(t)
			changed(t, at)
			added(t, at, lines)
			status, answer := post(t, at+"/calls/functions/create_id_token", map[string]any{"user": map[string]any{"id": "u1"}})
			if status != http.StatusOK || answer["outcome"] != "continue" {
				t.Errorf("the function is answered %d %v", status, answer)
			}
		})
	}
}

// TestTypes are made of the whole contract, and compile where that is cheap.
func TestTypes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "types")
	shell(t, ".", 15*time.Minute, program, "generate", "--lang", "go", "--kind", "types", "-o", dir)
	for _, name := range []string{"RequestCall", "ResponseCall", "FunctionCall", "Event", "CloudEvent", "TokenChanges"} {
		if !strings.Contains(read(t, dir, "oas_schemas_gen.go"), "\ntype "+name+" struct {") {
			t.Errorf("there is no type %s", name)
		}
	}
	write(t, dir, "go.mod", "module types\n\ngo 1.25\n\nrequire github.com/ogen-go/ogen v1.24.0\n")
	shell(t, dir, 10*time.Minute, "go", "mod", "tidy")
	shell(t, dir, 10*time.Minute, "go", "vet", ".")
}

// server is the address of one whose instance is at another.
func server(at string) string {
	before, _, _ := strings.Cut(at, "/v1/")
	return before
}

// declare says what the core users has, as a core does.
func declare(t *testing.T, at string) {
	t.Helper()
	status, answer := post(t, server(at)+"/callout.v1.ActionService/DeclareConditions", map[string]any{"declaration": map[string]any{
		"core": "users", "methods": []string{method}, "functions": []string{"create_id_token"}, "eventTypes": []string{"user.added"},
		"schemas": map[string]string{
			"request" + method:         `{"type":"object","properties":{"givenName":{"type":"string"},"displayName":{"type":"string"},"quota":{"type":"string","format":"int64"},"address":{"$ref":"#/$defs/Address"}},"$defs":{"Address":{"type":"object","properties":{"city":{"type":"string"}}}}}`,
			"response" + method:        `{"type":"object","properties":{"id":{"type":"string"}}}`,
			"event/user.added":         `{"type":"object","properties":{"name":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}}}}`,
			"function/create_id_token": `{"type":"object","properties":{"user":{"$ref":"#/$defs/User"}},"$defs":{"User":{"type":"object","properties":{"id":{"type":"string"}}}}}`,
		},
	}})
	if status != http.StatusOK {
		t.Fatalf("the declaration is answered %d %v", status, answer)
	}
}

// withDatamodel puts the generator of Python's types in PATH, in a folder of its own.
func withDatamodel(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	shell(t, dir, 10*time.Minute, "sh", "-c", "python3 -m venv . && bin/pip install --quiet --disable-pip-version-check datamodel-code-generator==0.89.0")
	t.Setenv("PATH", filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// everything are members of all forms that protobuf has.
const everything = `{"oneBool":true,"manyInt32":[1,-2],"mapBool":{"a":true},"oneUint32":4294967295,"oneInt64":"-9007199254740993","oneUint64":"9007199254740993",
"manyInt64":["1","2"],"oneDouble":1.5,"manyDouble":[0.25],"oneString":"Grüße","oneBytes":"AQI=","oneColor":"COLOR","oneAll":{"oneAll":{"oneInt32":3}},
"oneTimestamp":"2026-01-02T03:04:05.006Z","oneDuration":"1.500s","oneMask":"a.b,c","oneStruct":{"a":[1,null,{"b":"c"}]},"oneValue":[1,"x"],"oneListValue":["y",2],
"oneDoubleValue":2.5,"oneInt64Value":"7","oneStringValue":"s","choiceInt64":"8"}`

// TestEveryForm of protobuf is read into the types, and written as it came: a handler answers what it got.
func TestEveryForm(t *testing.T) {
	const do = "/all.v1.AllService/Do"
	answers := map[string][]string{
		"go":         {`	return nil, nil // unchanged`, `	return &call.Request, nil // unchanged`},
		"python":     {`    return None  # unchanged`, `    return call.request  # unchanged`},
		"typescript": {`    return undefined; // unchanged`, `    return request; // unchanged`},
		"java":       {`Answer.unchanged(); // Answer.change(object)`, `Answer.change(call.request()); // Answer.change(object)`},
		"kotlin":     {`Answer.unchanged() // Answer.change(object)`, `Answer.change(call.request()) // Answer.change(object)`},
	}
	document := read(t, "../../pkg/contract/testdata", "all.openapi.json")
	sent := object(t, strings.ReplaceAll(everything, "COLOR", color(t, document)))
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			if l.name == "python" {
				withDatamodel(t)
			}
			p := generate(t, program, l.name, "--contract", "../../pkg/contract/testdata/all.openapi.json")
			p.patch(t, l.file, answers[l.name]...)
			p.build(t)
			at := callout(t, p.dir)
			p.start(t)
			status, answer := post(t, at+"/calls/request", map[string]any{"fullMethod": do, "request": sent})
			got, isThere := answer["request"]
			if !isThere {
				got = sent // it is left out where nothing changed
			}
			steps, _ := answer["steps"].([]any)
			if status != http.StatusOK || answer["outcome"] != "continue" || len(steps) != 1 || !reflect.DeepEqual(got, sent) {
				t.Errorf("it is answered %d %v", status, answer)
			}
			if warnings, _ := answer["warnings"].([]any); len(warnings) > 0 {
				t.Errorf("there are warnings: %v", warnings)
			}
		})
	}
}

// color is a name that the enumeration of the contract has.
func color(t *testing.T, document string) string {
	t.Helper()
	var of struct {
		Components struct {
			Schemas map[string]struct{ Enum []string }
		}
	}
	if err := json.Unmarshal([]byte(document), &of); err != nil {
		t.Fatal(err)
	}
	names := of.Components.Schemas["all.v1.Color"].Enum
	if len(names) == 0 {
		t.Fatal("there is no enumeration all.v1.Color")
	}
	return names[len(names)-1]
}

func object(t *testing.T, text string) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}
