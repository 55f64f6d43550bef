package dispatch

import (
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

// keysFit tells whether the keys of a stored text can sign as a target asks for.
// The error is bad_field, with where the key stands, and says what helps.
func keysFit(owner string, t action.Target, text string) error {
	keys, err := bus.ReadSigningKeys(text)
	if err != nil {
		return keyError(t.Name, err)
	}
	return keysFitAll(owner, t, keys)
}

func keysFitAll(owner string, t action.Target, keys bus.SigningKeys) error {
	for _, k := range keys {
		if err := keyFits(owner, t, k); err != nil {
			return err
		}
	}
	return nil
}

func keyFits(owner string, t action.Target, k bus.SigningKey) error {
	zitadel, standard := sign.CheckZitadelKey, sign.CheckStandardKey
	if k.IsSealed() { // it was looked at before, and its form is known
		zitadel = func(string) error { return k.Form.CheckZitadel() }
		standard = func(string) error { return k.Form.CheckStandard() }
	}
	var err error
	if t.Signs(action.SignZitadel) {
		err = zitadel(k.Key)
	}
	if err == nil && t.Signs(action.SignStandard) {
		err = standard(k.Key)
	}
	if err == nil {
		return nil
	}
	path := "targets"
	if owner != "" {
		path = catalog.JoinPath(catalog.JoinPath("orgs", owner), path)
	}
	path = catalog.JoinPath(path, t.Name)
	return action.AsError(err, action.StageCatalog).WithField(catalog.JoinPath(path, "signing_key")).WithTarget(t.Name)
}
