package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"time"
)

// check holds an answer against what has to come. before are the answers of the steps
// before.
func (w *Answer) check(have answered, before []answered) error {
	if w.Refused {
		if have.err == nil && have.status < 400 {
			return fmt.Errorf("the status is %d: it has to be refused", have.status)
		}
		return w.checkTime(have.took)
	}
	if have.err != nil {
		return have.err
	}
	if have.status != w.Status {
		return fmt.Errorf("the status is %d, not %d: %.200s", have.status, w.Status, have.body)
	}
	for name, value := range w.Headers {
		if got := have.header.Get(name); got != value {
			return fmt.Errorf("%s is %q, not %q", name, got, value)
		}
	}
	for _, name := range w.Without {
		if got := have.header.Get(name); got != "" {
			return fmt.Errorf("%s is there: %q", name, got)
		}
	}
	for _, text := range w.Hides {
		if bytes.Contains(have.body, []byte(text)) {
			return fmt.Errorf("the answer tells %q, which is of the inside", text)
		}
	}
	if err := w.checkBody(have, before); err != nil {
		return err
	}
	return w.checkTime(have.took)
}

func (w *Answer) checkTime(took time.Duration) error {
	if least := time.Duration(w.AtLeastMS) * time.Millisecond; took < least {
		return fmt.Errorf("it came after %s, sooner than %s", took.Round(time.Millisecond), least)
	}
	if most := time.Duration(w.WithinMS) * time.Millisecond; most > 0 && took > most {
		return fmt.Errorf("it came after %s, later than %s", took.Round(time.Millisecond), most)
	}
	return nil
}

func (w *Answer) checkBody(have answered, before []answered) error {
	if w.Empty {
		if len(have.body) > 0 {
			return fmt.Errorf("there is a body: %.200s", have.body)
		}
		return nil
	}
	if w.SameAs != nil && !bytes.Equal(have.body, before[*w.SameAs].body) {
		return fmt.Errorf("the body is %.200s, and was %.200s before: it tells what nobody may know", have.body, before[*w.SameAs].body)
	}
	if w.JSON == nil && w.Code == "" {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(have.header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fmt.Errorf("the answer is %q, not application/json", have.header.Get("Content-Type"))
	}
	var got any
	if err := json.Unmarshal(have.body, &got); err != nil {
		return fmt.Errorf("the body is no JSON: %.200s", have.body)
	}
	if w.JSON != nil {
		var want any
		if err := json.Unmarshal(w.JSON, &want); err != nil {
			return err
		}
		if !reflect.DeepEqual(got, want) {
			return fmt.Errorf("the body is %.300s, not %s", have.body, w.JSON)
		}
		return nil
	}
	return checkCode(got, w.Code, have.body)
}

func checkCode(got any, code string, body []byte) error {
	object, ok := got.(map[string]any)
	if !ok || len(object) != 2 || object["code"] != code {
		return fmt.Errorf(`the body is %.200s, not {"code":%q,"message":…}`, body, code)
	}
	if text, ok := object["message"].(string); !ok || text == "" {
		return errors.New("message is no text for people")
	}
	return nil
}
