package dispatch

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// Entry says how one comes in over HTTP, and who does.
type Entry struct {
	// TLS is what is spoken, see FollowCertificate; nil = HTTP in the clear.
	TLS *tls.Config
	// Access is who is let in; nil = nobody is asked who he is.
	Access *Access
	// OpenToAll listens also elsewhere than on loopback though nobody is asked.
	OpenToAll bool
}

// listen takes the address of HTTP. Elsewhere than on loopback who asks must be
// known, but when the operator says otherwise; what is open, or can be read on its
// way, is said aloud.
func (d *Dispatcher) listen(address string, o Entry) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address: write host:port, such as 127.0.0.1:8080", address)
	}
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case local:
	case o.Access != nil && o.TLS == nil:
		d.log.Warn().Str("address", address).Msg("tokens and bodies go over the network in the clear: give --tls-cert and --tls-key, or put a proxy with TLS before it")
	case o.Access == nil && o.OpenToAll:
		d.log.Error().Str("address", address).Msg("WHOEVER REACHES THIS ADDRESS MAY DO EVERYTHING: nobody is asked who he is (--insecure-listen)")
	case o.Access == nil:
		return fmt.Errorf("%q is not a loopback address: without authentication only 127.0.0.1, ::1 or localhost may be listened on; "+
			"give --token-file, which \"callout auth init\" makes, or --insecure-listen if everybody there may do everything", host)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("HTTP address %s cannot be used: %w (choose another with --listen)", address, err)
	}
	listener = newBoundListener(listener, d.door.connections)
	if o.TLS != nil {
		listener = tls.NewListener(listener, o.TLS)
	}
	// The heads of requests are read behind TLS. The server of net/http does not see by
	// that that there is TLS, and finds out by the first bytes which HTTP is spoken.
	d.listener = framedListener{listener}
	return nil
}

// URL is where HTTP is served.
func (d *Dispatcher) URL() string {
	if d.secure {
		return "https://" + d.listener.Addr().String()
	}
	return "http://" + d.listener.Addr().String()
}

// certificateOf tells the subject of the certificate that a client has shown, and that
// an authority of ours has signed; "" when it showed none.
func certificateOf(ctx context.Context) (subject string, ok bool) {
	framed, ok := ctx.Value(framedKey{}).(*framedConn)
	if !ok {
		return "", false
	}
	secure, ok := framed.Conn.(*tls.Conn)
	if !ok {
		return "", false
	}
	state := secure.ConnectionState()
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return "", false
	}
	return state.PeerCertificates[0].Subject.String(), true
}
