package action

import "fmt"

// Format is the number of the form in which this version stores what it keeps:
// roots, markers, revisions, lines, records and dead letters. Something without
// a number is of format 1. It goes up when an older version would read what is
// stored wrongly.
const Format = 1

// CheckFormat is the error newer for something that a newer version stored in a
// form which this one does not know.
func CheckFormat(format int) error {
	if format <= Format {
		return nil
	}
	return NewError(CodeNewer, StageStore, "").WithCause(fmt.Errorf("it has format %d, this version knows %d", format, Format))
}
