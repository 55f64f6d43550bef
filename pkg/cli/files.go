package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// filesFlag are the files and folders of one configuration, - among them for
// standard input.
type filesFlag []string

// add adds the flag that names them; it may be given several times.
func (f *filesFlag) add(cmd *cobra.Command, use string) {
	cmd.Flags().StringArrayVarP((*[]string)(f), "file", "f", nil,
		use+" `FILE`; a folder stands for its *.yaml and *.yml, - for standard input; several are one configuration")
}

// take adds what stands on the command line beside the flag, and tells whether
// anything is named at all. done is what becomes of it.
func (f *filesFlag) take(args []string, done string) error {
	*f = append(*f, args...)
	if len(*f) == 0 {
		return &usageError{fmt.Errorf("no FILE is given: which is to be %s? - reads standard input", done)}
	}
	return f.check()
}

func (f *filesFlag) check() error {
	if slices.Contains(*f, "") {
		return &usageError{errors.New("the name of a FILE is empty")}
	}
	if first := slices.Index(*f, "-"); first >= 0 && slices.Contains((*f)[first+1:], "-") {
		return &usageError{errors.New("standard input can be read once: - is given twice")}
	}
	return nil
}
