package process

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell starts a script.
func shell(t *testing.T, script, ready string, within time.Duration) (*Process, error) {
	t.Helper()
	p, err := Start(t.Context(), Options{Name: "script", Path: "/bin/sh", Args: []string{"-c", script}, Ready: ready, Logs: t.TempDir(), Within: within})
	if err == nil {
		t.Cleanup(p.Kill)
	}
	return p, err
}

func TestReady(t *testing.T) {
	p, err := shell(t, "echo starting; echo ready http=a nats=b; exec sleep 60", "ready ", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if p.Field("nats") != "b" || p.Field("http") != "a" || p.Field("other") != "" || !p.Alive() || p.TookToStart() == 0 {
		t.Fatal(p.line, p.Alive(), p.TookToStart())
	}
	if _, err := p.Stop(); err != nil || p.Alive() {
		t.Fatal(err)
	}
}

func TestNotReady(t *testing.T) {
	for want, script := range map[string]string{"ended before": "exit 3", "is not ready after": "exec sleep 60"} {
		if _, err := shell(t, script, "ready ", 200*time.Millisecond); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
}

func TestStopWithForce(t *testing.T) {
	p, err := shell(t, "trap '' TERM; echo ready; while :; do sleep 1; done", "ready", 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if took, err := p.Stop(); err == nil || took < 200*time.Millisecond || p.Alive() {
		t.Fatal(took, err)
	}
}

// What children use counts, those that have ended too.
func TestCostOfChildren(t *testing.T) {
	const burn = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
	p, err := shell(t, "sh -c '"+burn+"'; sh -c '"+burn+"; sleep 60' & sleep 60", "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	own, err := read(p.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(time.Minute)
	for {
		cost, err := Sum(p)
		if err != nil {
			t.Fatal(err)
		}
		ended, err := read(p.cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		// More than the shell with its first child: the second, which runs, is in it too.
		if ended.cpu > own.cpu && cost.CPU > ended.cpu && cost.Resident > ended.resident {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v in all, %+v of the shell and of its children that have ended", cost, ended)
		}
		time.Sleep(10 * time.Millisecond) // the pace of looking
	}
	p.Kill()
	for syscall.Kill(-p.cmd.Process.Pid, 0) == nil { // somebody of its group is there
		if time.Now().After(end) {
			t.Fatal("children outlive a kill")
		}
		time.Sleep(10 * time.Millisecond) // the pace of looking
	}
}
