package scaffold

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// plan says what becomes of each file of a folder.
type plan struct {
	dir    string
	before record
	force  bool

	write  files
	same   []string // as they would be written
	kept   []string // somebody has changed them, or they are somebody's own
	gone   []string // somebody has taken them away
	remove []string // generated before, and of no use any more
	after  map[string]origin

	edited, strange []string // generated ones that are not written over
}

// planned decides what becomes of files. What nobody has changed since it was written is
// written anew, what somebody has changed is his: a file that was begun for him is kept, and
// one that is generated is an error, but with force. What is not known to be ours is never
// written over.
func planned(dir string, before record, all files, generated map[string]bool, force bool) (*plan, error) {
	p := &plan{dir: dir, before: before, force: force, write: files{}, after: map[string]origin{}}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := p.decide(name, all[name], generated[name]); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before.Files)) {
		if _, again := all[name]; again {
			continue
		}
		if err := p.outlive(name); err != nil {
			return nil, err
		}
	}
	return p, p.refused()
}

func (p *plan) decide(name string, text []byte, isGenerated bool) error {
	is, err := sumAt(p.dir, name)
	if err != nil {
		return err
	}
	known, isOurs := p.before.Files[name]
	now := origin{sumOf(text), isGenerated}
	switch {
	case name == keyFile:
		p.key(text, is != "")
	case is == "" && isOurs && !isGenerated && !p.force:
		p.gone, p.after[name] = append(p.gone, name), known
	case is == "" || isOurs && is == known.Sum && is != now.Sum:
		p.write[name], p.after[name] = text, now
	case is == now.Sum:
		p.same, p.after[name] = append(p.same, name), now
	case isGenerated:
		p.changed(name, text, isOurs)
	default:
		if p.kept = append(p.kept, name); isOurs {
			p.after[name] = known
		}
	}
	return nil
}

// key keeps a key that is there. Its sum is nobody's business.
func (p *plan) key(text []byte, isThere bool) {
	if isThere {
		p.kept = append(p.kept, keyFile)
		return
	}
	p.write[keyFile] = text
}

// changed decides about a generated file that is another one than was written.
func (p *plan) changed(name string, text []byte, isOurs bool) {
	switch {
	case !isOurs:
		p.strange = append(p.strange, name)
	case !p.force:
		p.edited = append(p.edited, name)
	default:
		p.write[name], p.after[name] = text, origin{sumOf(text), true}
	}
}

// outlive decides about a file that was written before, and would not be now.
func (p *plan) outlive(name string) error {
	is, err := sumAt(p.dir, name)
	if err != nil {
		return err
	}
	known := p.before.Files[name]
	switch {
	case !known.Generated:
		p.after[name] = known
	case is == known.Sum:
		p.remove = append(p.remove, name)
	case is != "":
		p.kept = append(p.kept, name)
	}
	return nil
}

// refused is why nothing is written.
func (p *plan) refused() error {
	if len(p.strange) > 0 {
		return fmt.Errorf("%s has %s, which callout generate has not written and would write over: nothing is written; move what is yours elsewhere, or name another folder", p.dir, few(p.strange))
	}
	if len(p.edited) > 0 {
		return fmt.Errorf("%s has %s, which is generated and has been changed since: nothing is written; put your changes elsewhere, or lose them with --force", p.dir, few(p.edited))
	}
	return nil
}

// done adds the record to what is written, and tells what becomes of the files.
func (p *plan) done(o Options) (Made, error) {
	raw, err := json.MarshalIndent(record{recordSays, o.Language, o.Kind, p.after}, "", "  ")
	if err != nil {
		return Made{}, err
	}
	raw = append(raw, '\n')
	is, err := sumAt(p.dir, recordFile)
	if err != nil {
		return Made{}, err
	}
	if is != sumOf(raw) {
		p.write[recordFile] = raw
	}
	return Made{Files: slices.Sorted(maps.Keys(p.write)), Same: p.same, Kept: p.kept, Gone: p.gone, Removed: p.remove}, nil
}

// few names some of many files.
func few(names []string) string {
	if len(names) > mostNamed {
		names = append(slices.Clone(names[:mostNamed]), fmt.Sprintf("and %d more", len(names)-mostNamed))
	}
	return strings.Join(names, ", ")
}
