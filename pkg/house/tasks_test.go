package house

import (
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// TasksWithoutMeaning lists the tasks of a Taskfile that have no desc of one
// line. A task that stands there as a bare command or list has none.
func TasksWithoutMeaning(taskfile string) ([]string, error) {
	var file struct {
		Tasks map[string]any `yaml:"tasks"`
	}
	if err := yaml.Unmarshal([]byte(taskfile), &file); err != nil {
		return nil, err
	}
	var bare []string
	for name, body := range file.Tasks {
		task, _ := body.(map[string]any)
		desc, _ := task["desc"].(string)
		if strings.TrimSpace(desc) == "" || strings.Contains(strings.TrimSpace(desc), "\n") {
			bare = append(bare, name)
		}
	}
	sort.Strings(bare)
	return bare, nil
}

func TestEveryTaskHasAMeaning(t *testing.T) {
	text := readFile(t, "Taskfile.yml")
	bare, err := TasksWithoutMeaning(text)
	require.NoError(t, err)
	require.Empty(t, bare, "tasks of Taskfile.yml without a desc of one line")
	require.Contains(t, text, "\n  test:\n")
}

func TestTasksWithoutMeaning(t *testing.T) {
	bare, err := TasksWithoutMeaning(`
tasks:
  good: {desc: Say hello, cmds: [echo hello]}
  none: {cmds: [echo hello]}
  empty: {desc: " ", cmds: [echo hello]}
  bare: echo hello
  list: [echo hello]
  long: {desc: "one\ntwo"}
`)
	require.NoError(t, err)
	require.Equal(t, []string{"bare", "empty", "list", "long", "none"}, bare)
}

// A name in LONG that no test has any more leaves its test to "task test", and
// nobody would see it.
func TestLongTestsAreThere(t *testing.T) {
	long := regexp.MustCompile(`(?m)^ +\^\((Test[A-Za-z|]+)\)\$$`).FindStringSubmatch(readFile(t, "Taskfile.yml"))
	require.NotNil(t, long, "LONG of Taskfile.yml")
	var tests strings.Builder
	for _, file := range repositoryFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			tests.WriteString(readFile(t, file))
		}
	}
	for _, name := range strings.Split(long[1], "|") {
		require.Contains(t, tests.String(), "\nfunc "+name+"(", "LONG of Taskfile.yml names a test that is not there")
	}
}
