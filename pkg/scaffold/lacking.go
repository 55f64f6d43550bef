package scaffold

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

// newEnding is that of a file beside one that somebody has changed: it has what that lacks.
const newEnding = ".new"

const configFile = "callout.yaml"

// Lack is what a file of somebody's own has not.
type Lack struct {
	File       string
	Conditions []string // such as "event user.added", in their order
	New        string   // the file that has them
	// Unread says that the file cannot be read, or is not there any more, so that what is
	// lacking is not known: New has all of it.
	Unread bool
}

// additions writes, beside each file that names conditions and is somebody's own by now, what
// it lacks.
func (p *project) additions(of *plan, all files, generated map[string]bool) (lacks []Lack, err error) {
	main := p.language.files[len(p.language.files)-1]
	for name, from := range map[string]string{main: p.language.name + "/" + path.Base(main), configFile: "any/" + configFile} {
		missing, isRead := p.Handlers, false
		switch {
		case slices.Contains(of.kept, name):
			text, err := os.ReadFile(filepath.Join(of.dir, filepath.FromSlash(name)))
			if err != nil {
				return nil, err
			}
			missing, isRead = p.missing(name, text)
		case !slices.Contains(of.gone, name):
			continue
		}
		lack := Lack{File: name, New: name + newEnding, Unread: !isRead}
		if isRead && len(missing) == 0 {
			continue
		}
		for _, h := range missing {
			lack.Conditions = append(lack.Conditions, string(h.Phase)+" "+h.Match)
		}
		part := *p
		part.Handlers = missing
		if err := part.fill(all, lack.New, from); err != nil {
			return nil, err
		}
		generated[lack.New] = true
		lacks = append(lacks, lack)
	}
	slices.SortFunc(lacks, func(a, b Lack) int { return strings.Compare(a.File, b.File) })
	return lacks, nil
}

// missing are the handlers that a file has nothing of; all where it cannot be read.
func (p *project) missing(name string, text []byte) (missing []handler, isRead bool) {
	has := func(h handler) bool { return p.registers(h).Match(text) }
	if name == configFile {
		s, _ := file.Parse(name, text)
		if s == nil {
			return p.Handlers, false
		}
		has = func(h handler) bool { return configures(s, h) }
	}
	for _, h := range p.Handlers {
		if !has(h) {
			missing = append(missing, h)
		}
	}
	return missing, true
}

// registers finds where a handler is given to the SDK, in any of the languages: by a call
// that is named by the phase, with types or without, of which the condition is a parameter
// as it was written when it was generated.
func (p *project) registers(h handler) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`(?i:%s)\s*(<[^()"]*>|\[[^()"]*\])?\(\s*(\w+\s*,\s*)?%s`, h.Phase, regexp.QuoteMeta(p.quote(h.Match))))
}

func configures(s *catalog.Snapshot, h handler) bool {
	for _, sc := range s.Scopes {
		for _, e := range sc.Sections[h.Phase] {
			if e.Match == h.Match {
				return true
			}
		}
	}
	return false
}
