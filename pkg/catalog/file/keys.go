package file

import (
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Form is what the value of a key looks like.
type Form string

// The forms of values.
const (
	FormText     Form = "text"
	FormBool     Form = "true or false"
	FormWhole    Form = "whole number"
	FormDuration Form = "duration"
	FormTexts    Form = "list"
	FormTextOr   Form = "text or keys" // a text, or a mapping of one of Keys
	FormTextMap  Form = "mapping"      // of texts; with Keys a value may be a mapping of one of them too
	FormMapping  Form = "keys"         // a mapping of Keys
	FormNamed    Form = "keys by name" // a mapping of names to mappings of Keys
	FormEntries  Form = "list of keys" // a list of mappings of Keys
	FormSection  Form = "executions"   // FormNamed, of executions
)

// Key is a key of a configuration file: what the reader knows, and what documents
// and editors are told. The reader knows no other; that its bounds are those of the
// check is held by tests.
type Key struct {
	Name    string
	Also    string // another spelling, which is read too
	Form    Form
	Need    bool   // it may not be left out
	Default string // as it would be written; empty = there is none
	Unset   string // in words, what it means that it is left out
	Says    string

	OneOf       []string       // the values that there are
	Loose       bool           // OneOf is read without regard to case and spaces
	Least, Most int            // of a whole number
	From, To    time.Duration  // of a duration
	Pattern     string         // of a text, or of each in a list
	Length      int            // most bytes of a text
	Count       int            // most items of a list or mapping
	Nothing     bool           // it must be empty: it is known, and not built yet
	Phases      []action.Phase // of an execution's key: where it may stand; none = everywhere
	Keys        []Key
}

// namesOf are the names of keys, in their order.
func namesOf(keys []Key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.Name
	}
	return all
}

// keysOf are the names of the keys below one.
func keysOf(keys []Key, name string) []string {
	for _, k := range keys {
		if k.Name == name {
			return namesOf(k.Keys)
		}
	}
	return nil
}

// DocumentKeys are the keys at the top of a file.
var DocumentKeys = append([]Key{
	{Name: "version", Form: FormWhole, Default: "1", OneOf: []string{"1"}, Says: "The version of this format."},
	{Name: "instance", Form: FormText, Default: catalog.DefaultInstance, Length: action.MaxID, Says: "The tenant that is configured."},
	{Name: "org", Form: FormText, Unset: "the instance", Length: action.MaxID, Says: "The organization whose file this is: what follows is its own, and `orgs` is left out."},
	{Name: "defaults", Form: FormMapping, Says: "What targets have that do not say otherwise.", Keys: []Key{
		{Name: "timeout", Form: FormDuration, Default: "10s", From: action.MinTimeout, To: action.MaxTimeout, Says: "How long an exchange may take."}}},
	{Name: "orgs", Form: FormNamed, Says: "What organizations have beside the instance, by their ids.", Keys: ScopeKeys},
}, ScopeKeys...)

// ScopeKeys are the keys of the instance at the top of a file, and of an
// organization.
var ScopeKeys = []Key{
	{Name: "targets", Form: FormNamed, Says: "The endpoints, by their names: 1 to 100 letters, digits, spaces or `_ - . * /`.", Keys: TargetKeys},
	{Name: "requests", Form: FormSection, Says: "What runs before a request is handled: `/package.Service/Method`, `package.Service` or `*`.", Keys: ExecutionKeys},
	{Name: "responses", Form: FormSection, Says: "What runs before a response goes out, with the same conditions.", Keys: ExecutionKeys},
	{Name: "events", Form: FormSection, Says: "Who gets the events: a type `user.added`, a group `user.*` or `*`.", Keys: ExecutionKeys},
	{Name: "functions", Also: "function", Form: FormSection, Says: "What runs inside a function, by its name.", Keys: ExecutionKeys},
}

// sourceKeys say where a signing key comes from, one of them.
var sourceKeys = readKeys("--key-env", "--keys-dir")

// headerKeys say where the value of a header comes from, one of them.
var headerKeys = append(readKeys("--header-env", "--headers-dir"),
	Key{Name: "secret", Form: FormText, Length: action.MaxName, Says: "One that was set by `callout secret set`, for whose the target is: the instance or its organization."})

// pemKeys say where certificates come from, one of them.
var pemKeys = sourceKeys

// clientKeyKeys say where the key of a client certificate comes from, one of them.
var clientKeyKeys = append(readKeys("--key-env", "--keys-dir"),
	Key{Name: "secret", Form: FormText, Length: action.MaxName, Says: "One that was set by `callout secret set`, for whose the target is: what is set anew counts from the next connection on."})

// readKeys are those of what a dispatcher reads; the flags say what it offers.
func readKeys(envFlag, dirFlag string) []Key {
	return []Key{
		{Name: "env", Form: FormText, Pattern: `^[A-Za-z_][A-Za-z0-9_]{0,254}$`, Says: "A variable of the dispatcher's environment; over the API one that begins with its `" + envFlag + "`."},
		{Name: "file", Form: FormText, Length: 4096, Says: "A file on the dispatcher's machine; over the API one within its `" + dirFlag + "`, relative to it."},
	}
}

// TargetKeys are the keys of a target.
var TargetKeys = []Key{
	{Name: "type", Form: FormText, Need: true, OneOf: []string{"webhook", "call", "async"}, Loose: true,
		Says: "A webhook is waited for, and its status counts; a call's answer changes the object; an async target is not waited for. ZITADEL's words are read too: `REST webhook`, `REST call`, `REST async`."},
	{Name: "url", Form: FormText, Need: true, Length: action.MaxURL, Pattern: `^https?://[^\s#@/?][^\s#]*$`, Says: "Where it is: `http` or `https`, without user, password and fragment."},
	{Name: "timeout", Form: FormDuration, Default: "10s", From: action.MinTimeout, To: action.MaxTimeout, Says: "How long an exchange may take. `defaults.timeout` counts before 10s."},
	{Name: "interrupt_on_error", Also: "Interrupt_on_error", Form: FormBool, Default: "false", Says: "A failure ends the call; without it, it is a warning and the call goes on."},
	{Name: "async", Form: FormBool, Default: "false", Says: "Older way to write `type: async`, beside `type: webhook`."},
	{Name: "mapping", Form: FormText, Default: "merge", OneOf: []string{"merge", "replace"}, Says: "How a call target's answer changes the object: merged into it (RFC 7396), or in its place; of a function in the place of the members that it names."},
	{Name: "allow", Form: FormTexts, Unset: "everything", Pattern: "^/", Count: catalog.MaxPointers, Says: "JSON pointers of what a call target's answer may change."},
	{Name: "headers", Form: FormTextMap, Unset: "none", Count: catalog.MaxHeaders, Length: catalog.MaxHeaderValue, Keys: headerKeys, Says: "Headers that are sent; those that Callout sets itself are refused. A value is a text, which is shown to who may read the configuration, or for a secret one of `{env: NAME}`, `{file: PATH}` and `{secret: NAME}`."},
	{Name: "retry", Form: FormMapping, Says: "When a delivery of an event or to an async target is tried again.", Keys: []Key{
		{Name: "initial", Form: FormDuration, Default: "1s", From: action.MinWait, To: action.MaxWait, Says: "The first wait. It doubles with every attempt, give or take a fifth."},
		{Name: "max", Form: FormDuration, Default: "5m", From: action.MinWait, To: action.MaxWait, Says: "The longest wait, not below initial."},
		{Name: "max_age", Form: FormDuration, Default: "24h", From: action.MinWait, To: catalog.MaxKeep, Says: "After this long the delivery is given up."},
		{Name: "attempts", Form: FormWhole, Unset: "not counted", Least: 1, Most: action.MaxAttempts, Says: "After so many attempts the delivery is given up."}}},
	{Name: "signing_key", Form: FormMapping, Unset: "a key is made and kept", Count: 1, Says: "Where the key comes from. The key itself never stands in a file. One of the two:", Keys: sourceKeys},
	{Name: "payload", Form: FormText, Default: "json", OneOf: []string{"json", "cloudevents", "jwt", "jwe"}, Says: "What the body is: as the core sent it; an event as structured CloudEvent (`application/cloudevents+json`) with that as its `data`, calls as they are; a JWT of it by the instance's key; or that encrypted with the target's public key (`callout target public-key add`)."},
	{Name: "jwt_algorithm", Form: FormText, Default: "ed25519", OneOf: []string{"ed25519", "rs256"}, Says: "How a `jwt` or `jwe` is signed."},
	{Name: "content_type", Form: FormText, Default: "json", OneOf: []string{"json", "jose"}, Says: "The media type of a `jwt` or `jwe`: `application/json` as ZITADEL has it, or `application/jwt` and `application/jose`."},
	{Name: "signature", Form: FormTexts, Default: "[zitadel, standard]", OneOf: []string{"zitadel", "standard", "standard_v1a"}, Says: "How requests are signed. `standard_v1a` is ed25519, by the target's own `whsk_` key, or else by the instance's, which is published."},
	{Name: "lanes", Form: FormWhole, Default: "1", OneOf: []string{"1", "4", "16", "64"}, Says: "So many events may be under way at once; order holds within an aggregate."},
	{Name: "concurrency", Form: FormWhole, Unset: "no limit", Least: 1, Most: action.MaxConcurrency, Says: "Exchanges at once, for each worker."},
	{Name: "rate", Form: FormText, Unset: "no limit", Pattern: `^[0-9]+/[smh]$`, Says: "Exchanges in a second, minute or hour, for each worker: `100/s`, `600/m`, `5/h`; 1 to 1000000."},
	{Name: "breaker", Form: FormMapping, Unset: "off", Says: "Leave the target alone after failures in a row. Needs both:", Keys: []Key{
		{Name: "failures", Form: FormWhole, Need: true, Least: 1, Most: catalog.MaxFailures, Says: "So many failures open it."},
		{Name: "open", Form: FormDuration, Need: true, From: action.MinWait, To: action.MaxWait, Says: "For how long."}}},
	{Name: "max_answer", Form: FormWhole, Default: "1048576", Least: 1, Most: action.CeilingAnswer, Says: "Bytes that an answer may have."},
	{Name: "keep_alive", Form: FormBool, Default: "true", Says: "Whether a connection is used again."},
	{Name: "idle_time", Form: FormDuration, Default: "4s", From: action.MinIdleTime, To: action.MaxIdleTime, Says: "How long a connection is kept for the next request. A server that says less in its `Keep-Alive: timeout` is heeded."},
	{Name: "tls", Form: FormMapping, Says: "How the server of an `https` URL proves who it is, and what it is shown of who calls.", Keys: []Key{
		{Name: "ca", Form: FormTextOr, Unset: "what the worker believes", Pattern: "-----BEGIN CERTIFICATE-----", Length: action.MaxAuthorities, Keys: pemKeys, Says: "Certificates in PEM that its own may be signed by, in the place of those that the worker believes: a text, `{env: NAME}` or `{file: PATH}`."},
		{Name: "server_name", Form: FormText, Unset: "the name in the URL", Pattern: `^[A-Za-z0-9._:-]+$`, Length: action.MaxServerName, Says: "The name that is asked for (SNI) and that its certificate must have."},
		{Name: "min_version", Form: FormText, Default: "1.2", OneOf: []string{"1.2", "1.3"}, Says: "The oldest version of TLS that is spoken."},
		{Name: "certificate", Form: FormTextOr, Unset: "what stands in front of the key", Pattern: "-----BEGIN CERTIFICATE-----", Length: action.MaxSecret, Keys: pemKeys, Says: "The client certificate that it is shown, in PEM, followed by those that lead to its authority: a text, `{env: NAME}` or `{file: PATH}`. Left out where there is no key, none is shown but the workers' own."},
		{Name: "key", Form: FormMapping, Unset: "none", Count: 1, Keys: clientKeyKeys, Says: "Where the private key of the certificate comes from, in PEM and without a passphrase. The key itself never stands in a file. One of:"}}},
	{Name: "egress", Form: FormMapping, Says: "Which addresses may be called beyond the public ones, as far as the workers' `--allow-egress` lets targets ask. Not of an organization's target.", Keys: []Key{
		{Name: "allow", Form: FormTexts, Unset: "public addresses only", Count: catalog.MaxPrefixes, Says: "Addresses or ranges: `10.1.0.0/16`, `fd00::/8`."}}},
	{Name: "paused", Form: FormBool, Default: "false", Says: "Nothing is sent: events wait, and a turn in a call fails."},
	{Name: "labels", Form: FormTextMap, Unset: "none", Count: catalog.MaxLabels, Length: 256, Says: "For finding targets: `callout get targets -l team=identity`."},
	{Name: "usable_by", Form: FormTexts, Unset: "all of them", Count: catalog.MaxUsers, Length: action.MaxID, Says: "Of a target of the instance: the organizations whose executions may name it; `[]` is none."},
	{Name: "redact", Form: FormTexts, Unset: "nothing", Pattern: "^/", Count: catalog.MaxPointers, Says: "JSON pointers into the body, such as `/request/password` or `/event_payload/users/*/email`: what they name is never sent to this target, and its answer does not remove it. `*` is any member, or any element of an array."},
	{Name: "mask", Form: FormTexts, Unset: "nothing", Pattern: "^/", Count: catalog.MaxPointers, Says: "Pointers as in `redact`: what they name is sent, and masked where the target's answer repeats it in records of attempts, dead letters and tests of the target."},
}

// ExecutionKeys are the keys of an execution or a list, by its condition or name.
var ExecutionKeys = []Key{
	{Name: "condition", Form: FormText, Unset: "the key it stands under", Says: "The condition, when the key is a name."},
	{Name: "list", Form: FormBool, Default: "false", Says: "It has no condition and only waits to be included. Under requests and responses a name without a condition is a list anyway."},
	{Name: "targets", Form: FormEntries, Need: true, Says: "What runs, in this order; each entry has one of:", Keys: []Key{
		{Name: "target", Form: FormText, Says: "The name of a target, of the organization or the instance."},
		{Name: "include", Form: FormText, Says: "Another entry of the same section, whose targets stand here."}}},
	{Name: "on_unavailable", Form: FormText, Unset: "fail if a target interrupts", OneOf: []string{"fail", "continue"}, Phases: callPhases, Says: "What a call does when no worker is there."},
	{Name: "on_exhausted", Form: FormText, Default: "dead_letter", OneOf: []string{"dead_letter", "stop"}, Phases: eventPhases, Says: "What becomes of an event after its last attempt: kept apart, or the line stands."},
	{Name: "max_stop", Form: FormDuration, Default: "168h", From: action.MinWait, To: catalog.MaxKeep, Phases: eventPhases, Says: "How long a line may stand before what waits is kept apart."},
	{Name: "applies", Form: FormText, Default: "required", OneOf: []string{"required", "default", "available"}, Says: "Of an execution of the instance, for which organizations it runs: for all; for those that have none of their own for what happens; or for none, it is only there to be included."},
}

var (
	callPhases  = []action.Phase{action.Request, action.Response, action.Function}
	eventPhases = []action.Phase{action.OnEvent}
)
