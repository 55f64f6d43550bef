package bus

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/seal"
)

// TargetSecrets is what is kept of a target and shown to nobody. It is one text, which
// goes along with the target's name. What is stored of a target whose key was never
// rotated, and is not sealed, and no such headers is the text of that key.
type TargetSecrets struct {
	Keys SigningKeys
	// Headers are the values of those headers that are read from a variable or a file,
	// by their names as the target has them, and the parts of TLS that are, by
	// action.Part…: themselves, or sealed. nil = all that the
	// target sends stands in the catalog.
	Headers map[string]string
}

// storedSecrets is the form of them.
type storedSecrets struct {
	Keys    SigningKeys       `json:"keys"`
	Headers map[string]string `json:"headers,omitzero"`
	Format  int               `json:"format,omitempty"`
}

// The formats of what one of a plain key does not hold. What knows no sealed key would
// sign with the sealed text; what knows no headers would leave them out.
const (
	sealedFormat  = action.Format + 1
	headersFormat = action.Format + 2
)

// ReadTargetSecrets reads the text that is stored of a target. What is sealed in it
// stays so. The error names no part of a secret.
func ReadTargetSecrets(text string) (TargetSecrets, error) {
	s := storedSecrets{Keys: SigningKeys{{Key: text}}}
	if strings.HasPrefix(text, "{") { // as no key begins
		s = storedSecrets{}
		if err := Decode([]byte(text), &s); err != nil {
			return TargetSecrets{}, errors.New("the signing keys cannot be read")
		}
		if s.Format != sealedFormat && s.Format != headersFormat {
			if err := action.CheckFormat(s.Format); err != nil {
				return TargetSecrets{}, err
			}
		}
	}
	if err := s.Keys.check(); err != nil {
		return TargetSecrets{}, err
	}
	for _, value := range s.Headers {
		if err := checkSecret(value); err != nil {
			return TargetSecrets{}, err
		}
	}
	return TargetSecrets{s.Keys, s.Headers}, nil
}

// checkSecret tells whether a stored text is a secret, itself or sealed.
func checkSecret(text string) error {
	if text == "" || len(text) > maxStoredSecret {
		return errors.New("a secret is empty, or longer than it may be")
	}
	if seal.IsSealed(text) {
		_, err := seal.KeyID(text)
		return err
	}
	return nil
}

// maxStoredSecret bounds a secret as it is stored, in bytes: one that is sealed is
// longer.
const maxStoredSecret = 2 * action.MaxSecret

// Text is what is stored of the secrets.
func (s TargetSecrets) Text() (string, error) {
	format := action.Format
	switch {
	case s.Headers != nil:
		format = headersFormat
	case s.Keys.sealed() > 0:
		format = sealedFormat
	case len(s.Keys) == 1 && s.Keys[0].ID == "":
		return s.Keys[0].Key, nil
	}
	raw, err := json.Marshal(storedSecrets{s.Keys, s.Headers, format})
	if err != nil {
		return "", action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	return string(raw), nil
}

// headerRecord is what the value of a header is sealed for. The name of the target is
// no part of it: see seal.Record.
func headerRecord(instance, owner, header string) seal.Record {
	return seal.Record{Purpose: "header", Instance: instance, Owner: owner, Name: strings.ToLower(header)}
}

// OpenHeader gives the value of a header of an organization's target; ok is false where
// none is kept of that name. The error is internal: what is to be sent waits, for no
// fault of its target.
func (s TargetSecrets) OpenHeader(ring seal.Ring, instance, owner, header string) (value string, ok bool, err error) {
	text, ok := s.Headers[header]
	if !ok || !seal.IsSealed(text) {
		return text, ok, nil
	}
	value, err = openSecret(ring, text, headerRecord(instance, owner, header), "the value of the header "+header, "apply the configuration again")
	return value, true, err
}

// openSecret opens a text that is sealed; what words what it is, and help what is to be
// done about one that was changed.
func openSecret(ring seal.Ring, text string, of seal.Record, what, help string) (string, error) {
	value, err := ring.Open(text, of)
	var unknown *seal.UnknownKey
	switch {
	case err == nil:
		return value, nil
	case errors.As(err, &unknown):
		return "", action.NewError(action.CodeInternal, action.StageInvoke,
			what+" is sealed for key "+unknown.ID+", which this worker does not have: give --open-with")
	}
	return "", notOpened(text, what, help, err)
}

// notOpened is the error of what is sealed and holds not what it should.
func notOpened(text, what, help string, cause error) error {
	id, _ := seal.KeyID(text)
	return action.NewError(action.CodeInternal, action.StageInvoke,
		what+" is sealed, and cannot be opened with key "+id+": it was changed, or is of somewhere else; "+help).WithCause(cause)
}
