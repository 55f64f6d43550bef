package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// tries is how often a case about what happens at the same time is tried.
const tries = 3

// driver drives a target with one case after the other. The program goes on from case to
// case while it is started in the same way.
type driver struct {
	target  Target
	signing *signing
	dir     string // where the keys of the target are
	word    string // of the run
	count   int

	with  string // how the program was started
	keys  *published
	at    *running
	wrong error // why it was not
}

func (d *driver) close() {
	if d.at != nil {
		d.at.stop()
	}
	if d.keys != nil {
		d.keys.close()
	}
	d.at, d.keys, d.wrong = nil, nil, nil
}

func (d *driver) drive(ctx context.Context, c Case) Result {
	begun, n := time.Now(), 1
	if c.Timing {
		n = tries
	}
	var err error
	for range n {
		d.count++
		var one Case
		if one, err = c.as(fmt.Sprintf("%s-%d", d.word, d.count)); err != nil {
			break
		}
		if err = d.steps(ctx, one); err == nil {
			break
		}
	}
	if c.Fresh {
		d.close()
	}
	return resultOf(c.Case, c.Rule, begun, err)
}

func (d *driver) steps(ctx context.Context, c Case) error {
	if len(c.Steps) > 0 && c.Steps[0].JWKS != "" { // the keys are so when the program starts
		d.close()
		if err := d.publish(ctx); err != nil {
			return err
		}
		d.keys.become(c.Steps[0].JWKS)
	}
	err := d.start(ctx, c)
	if len(c.Steps) == 1 && c.Steps[0].Refuses {
		return refused(d.at, err)
	}
	if err != nil {
		return err
	}
	before := make([]answered, 0, len(c.Steps))
	for n, s := range c.Steps {
		have, err := d.step(ctx, s, fmt.Sprintf("%s-%d-%d", d.word, d.count, n), before)
		if err != nil && len(c.Steps) > 1 {
			return fmt.Errorf("step %d: %w", n+1, err)
		}
		if err != nil {
			return err
		}
		before = append(before, have)
	}
	return nil
}

// refused tells whether a program has refused to start, with another code than 0.
func refused(r *running, err error) error {
	switch {
	case err == nil:
		return errors.New("the program listens, and has to refuse how it was started")
	case errors.Is(err, errEnded) && r != nil && r.err == nil:
		return errors.New("the program has ended with 0, as if all were well")
	case errors.Is(err, errEnded):
		return nil
	}
	return err
}

func (d *driver) publish(ctx context.Context) error {
	if d.keys != nil {
		return nil
	}
	keys, err := publish(ctx, d.signing.keys)
	d.keys = keys
	return err
}

// start starts the program, unless it runs already in the way that a case needs.
func (d *driver) start(ctx context.Context, c Case) error {
	with := c.With
	if with == "" {
		with = withKeys
	}
	if d.target.URL != "" {
		return nil
	}
	if d.with == with && !c.Fresh {
		if d.wrong != nil { // it would not start the next time either
			return d.wrong
		}
		if d.at != nil && !d.over() {
			return nil
		}
	}
	if d.at != nil {
		d.at.stop()
		d.at = nil
	}
	if err := d.publish(ctx); err != nil {
		return err
	}
	d.with = with
	d.at, d.wrong = d.target.Program.target(ctx, d.environment(with))
	return d.wrong
}

// over tells whether the program has ended by itself: the next case gets a new one.
func (d *driver) over() bool {
	if d.at == nil {
		return false
	}
	select {
	case <-d.at.ended:
		return true
	default:
		return false
	}
}

// environment is how a target is told what it needs (rule 8.4).
func (d *driver) environment(with string) map[string]string {
	k := d.signing.keys
	keys := k.First + "," + k.Second + "," + k.Public
	jwt := map[string]string{"CALLOUT_JWKS": d.keys.url, "CALLOUT_ISSUER": issuer, "CALLOUT_AUDIENCE": audience, "CALLOUT_PAYLOAD": "jwt"}
	switch with {
	case withJWT:
		return jwt
	case withJWE:
		jwt["CALLOUT_PAYLOAD"] = "jwe"
		jwt["CALLOUT_PRIVATE_KEYS"] = "rsa=" + filepath.Join(d.dir, "rsa.pem") + ",ec=" + filepath.Join(d.dir, "ec.pem")
		return jwt
	case withJWTAndKeys:
		jwt["CALLOUT_KEYS"] = k.First
		return jwt
	case withBadKey:
		return map[string]string{"CALLOUT_KEYS": k.First + ",whsec_short"}
	case withNone:
		return nil
	}
	return map[string]string{"CALLOUT_KEYS": keys}
}

func (d *driver) url() string {
	if d.target.URL != "" {
		return d.target.URL
	}
	return d.at.url
}

func (d *driver) step(ctx context.Context, s Step, id string, before []answered) (answered, error) {
	if err := pause(ctx, s.WaitMS); err != nil {
		return answered{}, err
	}
	if s.JWKS != "" && d.keys != nil {
		d.keys.become(s.JWKS)
	}
	var have answered
	if s.Send != nil {
		var err error
		if have, err = d.send(ctx, s, id, before); err != nil {
			return have, err
		}
	}
	if s.Fetched > 0 && d.keys.count() > s.Fetched {
		return have, fmt.Errorf("the keys were fetched %d times, more than %d", d.keys.count(), s.Fetched)
	}
	return have, d.counts(ctx, s.Counts, id)
}

func pause(ctx context.Context, ms int) error {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send sends the request of a step, and what is sent beside it.
func (d *driver) send(ctx context.Context, s Step, id string, before []answered) (answered, error) {
	done := make(chan answered, 1)
	go func() { done <- d.signing.exchange(ctx, d.url(), s.Send, id) }()
	var beside error
	if b := s.Beside; b != nil {
		if err := pause(ctx, b.AfterMS); err != nil {
			return answered{}, err
		}
		beside = b.Want.check(d.signing.exchange(ctx, d.url(), b.Send, id+"-b"), before)
	}
	if s.Terminate > 0 {
		if err := pause(ctx, s.Terminate); err != nil {
			return answered{}, err
		}
		if err := d.at.terminate(); err != nil {
			return answered{}, err
		}
	}
	have := <-done
	err := s.Want.check(have, before)
	if err != nil && s.Or != nil && s.Or.check(have, before) == nil {
		err = nil
	}
	if err == nil && beside != nil {
		err = fmt.Errorf("what was sent beside it: %w", beside)
	}
	if err == nil && s.Terminate > 0 {
		err = d.at.exited()
	}
	return have, err
}

// counts asks the target how often handlers of events have run.
func (d *driver) counts(ctx context.Context, want map[string]int, id string) error {
	if len(want) == 0 {
		return nil
	}
	ask := &Request{Body: json.RawMessage(`{"function":"counts"}`)}
	if d.with == withJWT || d.with == withJWE || d.with == withJWTAndKeys {
		ask.JWT = &Token{}
	}
	if d.with == withJWT || d.with == withJWE {
		ask.Sign = &[]string{}
	}
	if d.with == withJWE {
		ask.JWT.For = "rsa"
	}
	have := d.signing.exchange(ctx, d.url(), ask, id+"-counts")
	if have.err != nil {
		return have.err
	}
	var told struct {
		Counts map[string]int `json:"counts"`
	}
	if err := json.Unmarshal(have.body, &told); err != nil || have.status != 200 {
		return fmt.Errorf("the function counts answers %d and %.200s", have.status, have.body)
	}
	for name, n := range want {
		if told.Counts[name] != n {
			return fmt.Errorf("%s has run %d times, not %d", name, told.Counts[name], n)
		}
	}
	return nil
}
