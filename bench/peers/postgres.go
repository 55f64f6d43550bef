package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/callout-hq/callout/bench/process"
)

// postgres is a server of PostgreSQL with a cluster of its own.
type postgres struct {
	dir     string
	process *process.Process
	url     string
}

// startPostgres makes a cluster and serves it on loopback, or says that there is no PostgreSQL here. A commit does not
// wait for the disk, as no message of the NATS peers does.
func startPostgres(ctx context.Context, logs string) (*postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "callout-bench-postgres-")
	if err != nil {
		return nil, err
	}
	p := &postgres{dir: dir}
	as, err := unprivileged(dir)
	if err != nil {
		return p, err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-A", "trust", "-U", "bench", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return p, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return p, err
	}
	p.process, err = process.Start(ctx, process.Options{Name: "postgres", Path: filepath.Join(bin, "postgres"), Logs: logs, As: as, Args: []string{
		"-D", filepath.Join(dir, "data"), "-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(port),
		"-c", "unix_socket_directories=", "-c", "synchronous_commit=off", "-c", "shared_buffers=256MB",
	}})
	if err != nil {
		return p, err
	}
	p.url = fmt.Sprintf("postgres://bench@127.0.0.1:%d/postgres", port)
	return p, p.await(ctx)
}

// await waits until it takes connections, for a minute at most.
func (p *postgres) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		connection, err := pgx.Connect(ctx, p.url)
		if err == nil {
			return connection.Close(ctx)
		}
		if ctx.Err() != nil || !p.process.Alive() {
			return fmt.Errorf("it takes no connection: %w", err)
		}
		time.Sleep(50 * time.Millisecond) // the pace of asking
	}
}

func (p *postgres) stop() {
	if p.process != nil {
		_, _ = p.process.Stop()
	}
	_ = os.RemoveAll(p.dir)
}

// postgresBin is the directory of its programs: in PATH, or the newest where Debian keeps them.
func postgresBin() (string, error) {
	kept, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(kept) > 0 {
		return filepath.Dir(slices.Max(kept)), nil
	}
	found, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("%w: PostgreSQL is not there (on Debian: apt-get install postgresql)", errNotHere)
	}
	return filepath.Dir(found), nil
}

// unprivileged is who PostgreSQL runs as, and owns the directory: it does not start as root.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}
