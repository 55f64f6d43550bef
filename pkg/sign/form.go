package sign

import "strings"

// Form is how a key that CheckForm takes is written, which tells what it signs. Of a
// key that is sealed this much is known without opening it.
type Form string

// The forms.
const (
	FormSecret  Form = "secret"  // whsec_: signs both ways
	FormPrivate Form = "private" // whsk_: Standard Webhooks alone
	FormBase64  Form = "base64"  // a secret without whsec_: signs both ways
	FormText    Form = "text"    // as ZITADEL's: its scheme alone
)

// FormOf gives the form of a key that CheckForm takes.
func FormOf(text string) Form {
	switch {
	case strings.HasPrefix(text, prefixSecret):
		return FormSecret
	case strings.HasPrefix(text, prefixPrivate):
		return FormPrivate
	case CheckKey(text) == nil:
		return FormBase64
	}
	return FormText
}

// Known tells whether a form is one of them.
func (f Form) Known() bool {
	return f == FormSecret || f == FormPrivate || f == FormBase64 || f == FormText
}

// CheckStandard is CheckStandardKey of a key of that form.
func (f Form) CheckStandard() error {
	if f == FormText {
		return notStandard()
	}
	return nil
}

// CheckZitadel is CheckZitadelKey of a key of that form.
func (f Form) CheckZitadel() error {
	if f == FormPrivate {
		return notZitadel(prefixPrivate)
	}
	return nil
}
