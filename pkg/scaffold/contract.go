package scaffold

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/contract"
)

// MaxContract bounds a contract that is read, in bytes.
const MaxContract = 32 << 20

// bodies are the schemas that every contract of targets has, by what their webhooks begin
// with.
var bodies = map[action.Phase]string{
	action.Request: "RequestCall", action.Response: "ResponseCall", action.Function: "FunctionCall", action.OnEvent: "Event",
}

// Contract is what a target receives and may answer: OpenAPI 3.1 with webhooks. It is not
// changed once it is made.
type Contract struct {
	document contract.Object
}

// BuiltIn is the contract of this program: it has the types of no core.
func BuiltIn() *Contract { return &Contract{contract.Targets(nil)} }

// ReadContract reads a contract, in JSON or YAML. from names it in errors, which tell of
// one that is too large, cannot be read, or is none of targets.
func ReadContract(raw []byte, from string) (*Contract, error) {
	if len(raw) > MaxContract {
		return nil, fmt.Errorf("%s has more than %d bytes", from, MaxContract)
	}
	if !strings.HasPrefix(strings.TrimSpace(string(raw)), "{") {
		var err error
		if raw, err = yaml.YAMLToJSON(raw); err != nil {
			return nil, fmt.Errorf("%s can be read neither as JSON nor as YAML", from)
		}
	}
	document, err := contract.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", from, err)
	}
	c := &Contract{document}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s is no contract of targets: %w", from, err)
	}
	return c, nil
}

func (c *Contract) check() error {
	if version, _ := c.document.Get("openapi").(string); !strings.HasPrefix(version, "3.1.") {
		return errors.New("it is not written in OpenAPI 3.1")
	}
	if c.document.Under("webhooks") == nil && c.document.Under("paths") != nil {
		return errors.New("it has paths and no webhooks, so it says what a core calls; what a target is sent is at /schemas/" + contract.TargetsFile + " of a server")
	}
	for _, phase := range action.Phases {
		if c.bodyOf(string(phase)) != bodies[phase] {
			return fmt.Errorf("it has no webhook %s with a body of %s", phase, bodies[phase])
		}
		if c.schema(bodies[phase]) == nil {
			return fmt.Errorf("it has no schema %s", bodies[phase])
		}
	}
	if c.schema("Rejection") == nil {
		return errors.New("it has no schema Rejection")
	}
	return nil
}

// Conditions are those that the contract has types for, in its order.
func (c *Contract) Conditions() (all []action.Condition) {
	for _, hook := range c.document.Under("webhooks") {
		phase, match, isOwn := strings.Cut(hook.Name, ".")
		if !isOwn || bodies[action.Phase(phase)] == "" || !c.isTyped(hook.Name) {
			continue
		}
		if condition, err := action.ParseCondition(action.Phase(phase), match); err == nil {
			all = append(all, condition)
		}
	}
	return all
}

// isTyped tells whether there is a webhook of a condition: the contract has those of a core's own alone.
func (c *Contract) isTyped(key string) bool { return c.schema(c.bodyOf(key)) != nil }

// keyOf is the webhook of a condition; "" where the contract has no types for it.
func (c *Contract) keyOf(of action.Condition) string {
	if key := string(of.Phase) + "." + of.Match; c.isTyped(key) {
		return key
	}
	return ""
}

// covered are the typed conditions that one covers, itself or those of its group.
func (c *Contract) covered(by action.Condition) (all []action.Condition) {
	for _, one := range c.Conditions() {
		if covers(by, one) {
			all = append(all, one)
		}
	}
	return all
}

func covers(by, one action.Condition) bool {
	if by.Phase != one.Phase {
		return false
	}
	switch {
	case by.Match == one.Match:
		return true
	case by.Level() == action.LevelAll:
		return true
	case by.Level() == action.LevelGroup && by.Phase == action.OnEvent:
		return strings.HasPrefix(one.Match, strings.TrimSuffix(by.Match, "*"))
	case by.Level() == action.LevelGroup:
		return strings.HasPrefix(one.Match, "/"+by.Match+"/")
	}
	return false
}

func (c *Contract) schema(name string) contract.Object {
	return c.document.Under("components").Under("schemas").Under(name)
}

// post is the operation of a webhook.
func (c *Contract) post(key string) contract.Object {
	return c.document.Under("webhooks").Under(key).Under("post")
}

// bodyOf is the schema of the body of a webhook; "" = there is none.
func (c *Contract) bodyOf(key string) string {
	for _, media := range c.post(key).Under("requestBody").Under("content") {
		if of, ok := media.Value.(contract.Object); ok {
			return referred(of.Under("schema"))
		}
	}
	return ""
}

// changeOf is the schema of the change that a webhook may be answered; "" = there is none.
func (c *Contract) changeOf(key string) string {
	schema := c.post(key).Under("responses").Under("200").Under("content").Under("application/json").Under("schema")
	choices, _ := schema.Get("oneOf").([]any)
	for _, choice := range choices {
		if o, ok := choice.(contract.Object); ok {
			return referred(o)
		}
	}
	return referred(schema)
}

// messageOf is the schema of a member of a body; "" = it is any object.
func (c *Contract) messageOf(body, member string) string {
	name := referred(c.schema(body).Under("properties").Under(member))
	if contract.BodyOf(name).Schema != nil {
		return ""
	}
	return name
}

const components = "#/components/schemas/"

// referred is the name of the schema that another one refers to.
func referred(schema contract.Object) string {
	ref, _ := schema.Get("$ref").(string)
	name, found := strings.CutPrefix(ref, components)
	if !found {
		return ""
	}
	return name
}

// keys are all webhooks, in their order.
func (c *Contract) keys() (all []string) {
	for _, hook := range c.document.Under("webhooks") {
		all = append(all, hook.Name)
	}
	return slices.Clip(all)
}
