package demo

import "time"

// check holds what happened against the plan: every step there, once, in
// order, with the right content, and nothing else. The first fault is a
// *StepError. Missing steps are named first, because what is wrong after one
// is mostly its consequence.
func check(steps []Step, wants []want, patience time.Duration) error {
	at := map[key]int{}
	for i, s := range steps {
		if _, twice := at[key{s.Arrow, s.Attempt}]; !twice {
			at[key{s.Arrow, s.Attempt}] = i
		}
	}
	for _, w := range wants {
		if _, ok := at[w.key]; !ok {
			return &StepError{Step: w.String(), Why: missing(w.key, steps, patience)}
		}
	}
	for _, w := range wants {
		if err := inPlace(w, steps, at); err != nil {
			return err
		}
	}
	return onlyPlanned(steps, wants, at)
}

// inPlace checks order and content of a step that happened.
func inPlace(w want, steps []Step, at map[key]int) error {
	for _, before := range w.after {
		if at[before] > at[w.key] {
			return &StepError{Step: w.String(), Why: "it came before " + before.String()}
		}
	}
	holds := contents[w.Arrow]
	if holds == nil {
		return nil
	}
	if err := holds(steps[at[w.key]], last(steps)); err != nil {
		return &StepError{Step: w.String(), Why: "wrong content: " + err.Error()}
	}
	return nil
}

// onlyPlanned finds a step that nobody wanted, or a second one where one was
// wanted.
func onlyPlanned(steps []Step, wants []want, at map[key]int) error {
	planned := map[key]bool{}
	for _, w := range wants {
		planned[w.key] = true
	}
	for i, s := range steps {
		k := key{s.Arrow, s.Attempt}
		switch {
		case !planned[k]:
			return &StepError{Step: k.String(), Why: withDetail("it should not have happened", s.Detail)}
		case at[k] != i:
			return &StepError{Step: k.String(), Why: "it happened twice"}
		}
	}
	return nil
}

// missing says why a step did not happen, as far as the failed steps tell: the
// last failure along the same way, or else the first of all, of which the
// others are mostly consequences. A patience of 0 means that it was clear at
// once.
func missing(k key, steps []Step, patience time.Duration) string {
	why := "it did not happen"
	if patience > 0 {
		why += " within " + patience.String()
	}
	var cause, first *Step
	for i, s := range steps {
		if s.Failed && first == nil {
			first = &steps[i]
		}
		if s.Failed && s.From == k.From && s.To == k.To {
			cause = &steps[i]
		}
	}
	if cause == nil {
		cause = first
	}
	if cause == nil {
		return why
	}
	return withDetail(why+"; "+cause.String(), cause.Detail)
}

func withDetail(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + " (" + detail + ")"
}

// last makes a lookup for the last step of an arrow.
func last(steps []Step) lookup {
	return func(a Arrow) Step {
		for i := len(steps) - 1; i >= 0; i-- {
			if steps[i].Arrow == a {
				return steps[i]
			}
		}
		return Step{}
	}
}
