package result

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	for want, values := range map[string][]float64{
		"–":              nil,
		"7":              {7},
		"2 (1–3)":        {3, 1, 2},
		"2.50 (1–4)":     {4, 1, 2, 3},
		"0.50 (0.25–12)": {0.5, 0.25, 12},
		"1235":           {1234.6, 1234.6},
	} {
		if got := SpreadOf(values).String(); got != want {
			t.Errorf("%v: %q, not %q", values, got, want)
		}
	}
}

// measured is a run of two turns of two who are measured, one of which fails once.
func measured(t *testing.T) *Run {
	t.Helper()
	r := NewRun("lines", []string{"-turns", "2"})
	for turn := range 2 {
		for of, rate := range map[string]float64{"floor": 100 + 50*float64(turn), "ours": 50 + 40*float64(turn)} {
			if err := r.Measure("flow", "10 lines", of, turn, func() (map[string]float64, error) { return map[string]float64{"deliveries/s": rate}, nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	_ = r.Measure("kill", "10 lines", "ours", 0, func() (map[string]float64, error) { return nil, errors.New("it does not start") })
	return r
}

func TestTables(t *testing.T) {
	var text strings.Builder
	if err := measured(t).Tables(&text, "floor", []string{"CPU µs", "deliveries/s"}, []string{"deliveries/s"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| flow | | deliveries/s | deliveries/s, of floor | load |\n|---|---|---|---|---|\n",
		"| 10 lines | floor | 125 (100–150) | 1 |",
		"| 10 lines | ours | 70 (50–90) | 0.55 (0.50–0.60) |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

func TestFiles(t *testing.T) {
	r := measured(t)
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "kill 10 lines, ours, turn 0: it does not start") {
		t.Fatal(err)
	}
	name, err := r.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var read Run
	if err := json.Unmarshal(raw, &read); err != nil || len(read.Rows) != 5 || read.Args[1] != "2" {
		t.Fatalf("%+v %v", &read, err)
	}
	table, err := os.ReadFile(name + ".csv")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(table), "\n"); len(lines) != 7 || !strings.HasPrefix(lines[0], "part,case,of,turn,") || !strings.HasSuffix(lines[5], ",it does not start") {
		t.Fatalf("%s", table)
	}
}
