package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Cost is what processes have used so far.
type Cost struct {
	CPU      time.Duration // in user and system mode, in steps of 10 ms
	Resident int64         // bytes of memory now
}

// Sum is the cost of some processes with all their children. A process that has ended counts with nothing, so costs are
// compared only between two moments at which the same run.
func Sum(all ...*Process) (Cost, error) {
	parents, err := children()
	if err != nil {
		return Cost{}, err
	}
	var sum Cost
	for _, p := range all {
		if p.Alive() {
			sum.add(p.cmd.Process.Pid, parents)
		}
	}
	return sum, nil
}

func (c *Cost) add(pid int, children map[int][]int) {
	if s, err := read(pid); err == nil { // else it has just ended
		c.CPU += s.cpu
		c.Resident += s.resident
	}
	for _, child := range children[pid] {
		c.add(child, children)
	}
}

// children of every process, by its id.
func children() (map[int][]int, error) {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("/proc has no processes: this needs Linux")
	}
	found := map[int][]int{}
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			continue
		}
		if s, err := read(pid); err == nil {
			found[s.parent] = append(found[s.parent], pid)
		}
	}
	return found, nil
}

type stat struct {
	parent   int
	cpu      time.Duration
	resident int64
}

// read reads /proc/PID/stat, see proc(5). Times of children that have ended and were waited for are in it.
func read(pid int) (stat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	text := string(raw)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // the name before it may hold anything
	if len(fields) < 22 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	number := func(i int) int64 { // by its number in proc(5), less the three before it
		n, _ := strconv.ParseInt(fields[i-3], 10, 64)
		return n
	}
	return stat{
		parent:   int(number(4)),
		cpu:      time.Duration(number(14)+number(15)+number(16)+number(17)) * tick,
		resident: number(24) * int64(os.Getpagesize()),
	}, nil
}

// Load is the machine's load average of the last minute; below nothing when it is not told.
func Load() float64 {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	first, _, _ := strings.Cut(string(raw), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return load
}
