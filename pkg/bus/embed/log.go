package embed

import "github.com/rs/zerolog"

// logger hands the server's own log on. Its notices are of no interest while
// all is well.
type logger struct{ log zerolog.Logger }

func (l logger) Noticef(f string, v ...any) { l.log.Debug().Msgf(f, v...) }
func (l logger) Warnf(f string, v ...any)   { l.log.Warn().Msgf("NATS: "+f, v...) }
func (l logger) Errorf(f string, v ...any)  { l.log.Error().Msgf("NATS: "+f, v...) }
func (l logger) Fatalf(f string, v ...any)  { l.log.Error().Msgf("NATS: "+f, v...) }
func (l logger) Debugf(string, ...any)      {}
func (l logger) Tracef(string, ...any)      {}
