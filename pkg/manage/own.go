package manage

import (
	"regexp"
	"slices"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus/letters"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// keep takes out of an answer what is not for who asked: addresses within the network of
// the workers, if he is not of the installation; and what is not of his organization, if
// he is of one. One thing that is another's is as one that does not exist.
func keep(answer any, of access.Scope) error {
	if of.Level() != access.Installation {
		hideAddresses(answer)
	}
	if of.Level() != access.Organization {
		return nil
	}
	return keepOwn(answer, of.Org)
}

// address is one of IPv4 or IPv6, with or without a port.
var address = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9a-fA-F:.%a-z]*:[0-9a-fA-F:.%a-z]*\](?::\d+)?|\b(?:[0-9a-fA-F]{1,4}:){3,}[0-9a-fA-F:.]*`)

// hideAddresses takes out of what failed where the workers dialled, and whom they asked
// for it.
func hideAddresses(answer any) {
	hide := func(text *string) { *text = address.ReplaceAllString(*text, "(an address)") }
	letter := func(m *calloutv1.DeadLetter) {
		if m != nil {
			hide(&m.LastError)
		}
	}
	attempt := func(m *calloutv1.Attempt) {
		if m != nil {
			hide(&m.Error)
		}
	}
	switch m := answer.(type) {
	case *calloutv1.TestTargetResponse:
		hide(&m.Message)
	case *calloutv1.GetDeadLetterResponse:
		letter(m.GetDeadLetter())
	case *calloutv1.ListDeadLettersResponse:
		for _, l := range m.GetDeadLetters() {
			letter(l)
		}
	case *calloutv1.ListDeliveriesResponse:
		for _, d := range m.GetDeliveries() {
			attempt(d.GetLast())
		}
	case *calloutv1.GetDeliveryResponse:
		attempt(m.GetDelivery().GetLast())
		letter(m.GetDeadLetter())
		for _, a := range m.GetAttempts() {
			attempt(a)
		}
	}
}

func keepOwn(answer any, org string) error {
	switch m := answer.(type) {
	case *calloutv1.ListDeliveriesResponse:
		m.Deliveries = slices.DeleteFunc(m.GetDeliveries(), func(d *calloutv1.Delivery) bool { return d.GetLast().GetExecutionOrg() != org })
	case *calloutv1.GetDeliveryResponse:
		foreign := func(a *calloutv1.Attempt) bool { return a.GetExecutionOrg() != org }
		if foreign(m.GetDelivery().GetLast()) || slices.ContainsFunc(m.GetAttempts(), foreign) {
			return nothingKept(m.GetDelivery().GetDeliveryId())
		}
	case *calloutv1.GetDeadLetterResponse:
		if m.GetDeadLetter().GetOrg() != org {
			return letters.None(m.GetDeadLetter().GetDeliveryId())
		}
	}
	return nil
}
