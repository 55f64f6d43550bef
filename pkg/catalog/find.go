package catalog

import (
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
)

// FindTarget gives a target that the organization itself defines; "" is the
// instance. The error is an *action.Error with code not_found that names the
// nearest target, or says that the instance has one of this name: what is done
// to that one is done to everybody.
func (s *Snapshot) FindTarget(org, name string) (action.Target, error) {
	var targets map[string]action.Target
	if sc := s.Scopes[org]; sc != nil {
		targets = sc.Targets
	}
	if t, ok := targets[name]; ok {
		return t, nil
	}
	where := ""
	if org != "" {
		where = fmt.Sprintf(" in organization %s", Quote(org))
	}
	hint := ""
	if _, t, ok := s.Target(org, name); ok && org != "" && t.IsUsableBy(org) {
		hint = "; the instance has one, which all organizations share: leave the organization out to mean that"
	} else if best := Nearest(name, sortedKeys(targets)); best != "" {
		hint = "; did you mean " + Quote(best) + "?"
	}
	return action.Target{}, action.NewError(action.CodeNotFound, action.StageCatalog,
		fmt.Sprintf("no target is named %s%s%s", Quote(name), where, hint)).WithField("target")
}
