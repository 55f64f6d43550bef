package dispatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

// secretsOf are the secrets that a target is to have, by where they come from.
type secretsOf struct {
	text string // as it is to be stored, see bus.TargetSecrets; not sealed yet what is new
	made string // the signing key, where it was made just now
	read string // what was read from variables and files; "" = nothing
}

// secretsFor gives the secrets of a target by where they come from; files are among
// those that were read. A key that is made is made once: had is the text that is stored.
func (have keyFiles) secretsFor(t keyed, had string) (s secretsOf, err error) {
	if err := have.offer.refuses(t); err != nil {
		return s, err
	}
	key, err := have.key(t)
	if err != nil {
		return s, err
	}
	headers, err := have.headers(t)
	if err != nil {
		return s, err
	}
	if key != "" || len(headers) > 0 {
		raw, _ := json.Marshal([]any{key, headers}) // of texts
		s.read = string(raw)
	}
	next := bus.TargetSecrets{Keys: bus.SigningKeys{{Key: key}}, Headers: headers}
	switch {
	case key != "":
	case had != "":
		stored, err := bus.ReadTargetSecrets(had)
		if err != nil {
			return s, keyError(t.Name, err)
		}
		if headers == nil && stored.Headers == nil {
			s.text = had
			return s, nil
		}
		next.Keys = stored.Keys
	default:
		s.made = sign.NewKey()
		next.Keys[0].Key = s.made
	}
	s.text, err = next.Text()
	return s, err
}

// key reads the signing key of a target that comes from elsewhere; "" = it is made.
func (have keyFiles) key(t keyed) (string, error) {
	if t.SigningKey == (action.KeySource{}) {
		return "", nil
	}
	text, err := have.textAt(t.from)
	if err == nil {
		err = sign.CheckForm(text)
	}
	if err != nil {
		return "", keyError(t.Name, err)
	}
	return text, nil
}

// headers reads the values of those headers and parts of TLS of a target that come from
// variables and files. It is nil when all of them stand in its definition.
func (have keyFiles) headers(t keyed) (map[string]string, error) {
	sources := t.Sources()
	if sources == nil {
		return nil, nil //nolint:nilnil // nothing is no error
	}
	values := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		if !sources[name].IsRead() {
			continue
		}
		value, err := have.textAt(t.place(name))
		part, isPart := action.IsPart(name)
		what := "the value of the header " + name
		if isPart {
			what = "tls." + part
		}
		if err != nil {
			return nil, badSource(t, name, "", what+" cannot be used").WithCause(err)
		}
		if isPart {
			values[name] = value
			continue
		}
		if err := checkSecretValue(value); err != nil { // who names it may read what it says
			return nil, badSource(t, name, "", what+" cannot be used: "+err.Error())
		}
		values[name] = value
	}
	return values, have.parts(t, values)
}

// textAt gives what stands in a variable, or in a file that was read.
func (have keyFiles) textAt(from keyPlace) (string, error) {
	if from.Env != "" {
		text := os.Getenv(from.Env)
		if text == "" {
			return "", fmt.Errorf("the environment variable %s is not set", from.Env)
		}
		return text, nil
	}
	return strings.TrimSpace(have.read[from].text), have.read[from].err
}

// checkSecretValue tells whether a text may be the value of a header that is kept. The
// error shows nothing of it.
func checkSecretValue(value string) error {
	if value == "" {
		return errors.New("it is empty")
	}
	if len(value) < action.MinSecret {
		return fmt.Errorf("a secret has at least %d bytes, this one has fewer: set a longer one, or write the value itself where it is none", action.MinSecret)
	}
	if seal.IsSealed(value) {
		return errors.New("it begins with " + seal.Prefix + ", as what is sealed does")
	}
	if fault := catalog.CheckHeaderValue(value); fault != "" {
		return errors.New(fault)
	}
	return nil
}
