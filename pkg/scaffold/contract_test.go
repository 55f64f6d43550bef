package scaffold_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/contract"
	"github.com/callout-hq/callout/pkg/scaffold"
)

func TestReadContract(t *testing.T) {
	t.Parallel()
	targets, err := os.ReadFile("../../schemas/targets.openapi.yaml")
	require.NoError(t, err)
	cores, err := os.ReadFile("../../schemas/openapi.yaml")
	require.NoError(t, err)
	for _, c := range []struct{ name, text, says string }{
		{"ours, in YAML", string(targets), ""},
		{"no document", "- a\n- b", "it is no JSON object"},
		{"neither", "{\"a\": [}", "cannot be read"},
		{"broken YAML", "a: [", "neither as JSON nor as YAML"},
		{"an older version", `{"openapi": "3.0.3"}`, "not written in OpenAPI 3.1"},
		{"of somebody else", `{"openapi": "3.1.0", "webhooks": {"newPet": {"post": {}}}}`, "no webhook request with a body of RequestCall"},
		{"what cores call", string(cores), "/schemas/targets.openapi.json"},
		{"a part of ours", strings.Replace(string(targets), "    Event:\n", "    Occurrence:\n", 1), "no schema Event"},
		{"too large", strings.Repeat(" ", scaffold.MaxContract+1), "more than 33554432 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := scaffold.ReadContract([]byte(c.text), "FILE")
			if c.says == "" {
				require.NoError(t, err)
				require.Empty(t, got.Conditions(), "it has the types of no core")
				return
			}
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "FILE")
		})
	}
}

func TestConditionsOfACore(t *testing.T) {
	t.Parallel()
	require.Equal(t, []action.Condition{
		{Phase: action.Request, Match: createUser}, {Phase: action.Response, Match: createUser},
		{Phase: action.OnEvent, Match: "user.added"}, {Phase: action.Function, Match: "create_id_token"},
	}, typed(t).Conditions())
}

const createUser = "/acme.user.v1.UserService/CreateUser"

// typed is the contract of a core that has declared what is in its bodies.
func typed(t *testing.T) *scaffold.Contract {
	t.Helper()
	object := func(properties string) []byte { return []byte(`{"type":"object","properties":{` + properties + `}}`) }
	types, err := contract.TypesOf("the core users", catalog.Declaration{
		Core: "users", Methods: []string{createUser}, EventTypes: []string{"user.added", "user.removed"}, Functions: []string{"create_id_token"},
		Schemas: map[string]jsonText{
			"request" + createUser:     object(`"givenName":{"type":"string"},"displayName":{"type":"string"},"address":{"$ref":"#/$defs/Address"}},"$defs":{"Address":{"type":"object"}`),
			"response" + createUser:    object(`"id":{"type":"string"}`),
			"event/user.added":         object(`"name":{"type":"string"}`),
			"function/create_id_token": object(`"user":{"type":"object","properties":{"id":{"type":"string"}}}`),
		},
	})
	require.NoError(t, err)
	raw, err := contract.Targets(types).MarshalJSON()
	require.NoError(t, err)
	c, err := scaffold.ReadContract(raw, "the contract")
	require.NoError(t, err)
	return c
}
