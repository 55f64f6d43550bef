package embed

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/callout-hq/callout/pkg/follow"
)

const (
	configMost    = 4 << 20         // bytes of a configuration
	unfollowAfter = 5 * time.Second // how long a file system that does not answer is waited for
)

// Reload reads the configuration anew: logins, accounts, TLS. Who may log in no more is
// disconnected. Without one it does nothing. The error is a *BadConfig; then all is as it
// was before, which is also so for what the server takes at a start alone.
func (s *Server) Reload() error {
	if s.options.Config == "" {
		return nil
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	// An account that is new hears nobody through what it imports until a second reload:
	// the first has made its imports before the other account was in place.
	for range 2 {
		if err := s.reload(); err != nil {
			return &BadConfig{s.options.Config, err}
		}
	}
	return nil
}

func (s *Server) reload() error {
	asked, _, err := configured(s.options.Config)
	if bad := (*BadConfig)(nil); errors.As(err, &bad) {
		return bad.Err
	}
	if err != nil {
		return err
	}
	host, port, err := listenAddress(s.options.Listen, asksWho(asked))
	if err != nil {
		return err
	}
	s.options.settle(asked, host, port, s.dir)
	return s.ReloadOptions(asked)
}

// follow reloads the configuration whenever its file changes, or the process is told by
// SIGHUP, which is the way where the file includes another that has changed. The last one
// that was good stays in force. began is what the server has begun with.
func (s *Server) follow(began []byte) (stop func()) {
	f := follow.Start(s.options.Config, configMost)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for first := true; ; first = false {
			select {
			case <-ctx.Done():
				return
			case r := <-f.Reports():
				if first && r.Err == nil && bytes.Equal(r.Text, began) {
					continue
				}
				s.reloaded(r.Err)
			case <-told:
				s.reloaded(nil)
			}
		}
	}()
	return func() {
		signal.Stop(told)
		cancel()
		<-done
		giveUp, stop := context.WithTimeout(context.Background(), unfollowAfter)
		defer stop()
		_ = f.Stop(giveUp) // it ends with the process
	}
}

// reloaded reloads, unless the file could not be read, and says how it went.
func (s *Server) reloaded(unread error) {
	err := unread
	if err == nil {
		err = s.Reload()
	}
	log := s.options.Log.With().Str("file", s.options.Config).Logger()
	switch bad := (*BadConfig)(nil); {
	case errors.As(err, &bad):
		log.Error().Err(bad.Err).Msg("the NATS configuration is not taken: the last good one stays in force")
	case err != nil:
		log.Error().Err(err).Msg("the NATS configuration cannot be read: the last good one stays in force")
	default:
		log.Info().Msg("the NATS configuration is read anew, and in force")
	}
}
