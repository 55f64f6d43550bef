package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// headerSources reads where the values of headers come from: NAME=env:VARIABLE,
// NAME=file:PATH or NAME=secret:NAME.
func headerSources(given []string) (map[string]*calloutv1.SecretSource, error) {
	if len(given) == 0 {
		return nil, nil //nolint:nilnil // none is no error
	}
	all := map[string]*calloutv1.SecretSource{}
	for _, text := range given {
		name, from, _ := strings.Cut(text, "=")
		kind, where, _ := strings.Cut(from, ":")
		if name == "" || where == "" {
			return nil, &usageError{errors.New("--header-from is given as NAME=env:VARIABLE, NAME=file:PATH or NAME=secret:NAME")} // it may be a secret
		}
		if all[name] != nil {
			return nil, &usageError{fmt.Errorf("--header-from %s is given twice", name)}
		}
		switch kind {
		case "env":
			all[name] = &calloutv1.SecretSource{Env: where}
		case "file":
			all[name] = &calloutv1.SecretSource{File: where}
		case "secret":
			all[name] = &calloutv1.SecretSource{Secret: where}
		default:
			return nil, &usageError{fmt.Errorf("--header-from %s: env:VARIABLE, file:PATH or secret:NAME says where its value comes from", name)}
		}
	}
	return all, nil
}

// sourceTexts says in words where the values of headers come from.
func sourceTexts(all map[string]*calloutv1.SecretSource) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		words = append(words, name+" ("+sourceWords(all[name])+")")
	}
	return strings.Join(words, ", ")
}

func sourceWords(from *calloutv1.SecretSource) string {
	switch {
	case from.GetSecret() != "":
		return "the secret " + from.GetSecret()
	case from.GetEnv() != "":
		return "the variable " + from.GetEnv() + " of the dispatcher"
	}
	return "the file " + from.GetFile() + " of the dispatcher"
}
