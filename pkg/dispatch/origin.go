package dispatch

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// guard refuses what a web page of somebody else could make a browser send here. Where
// nobody is asked who he is a request must name this machine: a name that leads here
// may be anybody's. Where that is asked a browser has no token to send along, and a
// page must be one of this host.
func (d *Dispatcher) guard(next http.Handler, mux *http.ServeMux, mounted map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case d.identity.access == nil && !isLocal(r.Host) && !(d.openToAll && isNumeric(r.Host)):
			d.refuse(w, action.NewError(action.CodeForbidden, action.StageDecode, "the Host header must name this machine").WithField("Host"))
		case !d.takesOrigin(r):
			d.refuse(w, action.NewError(action.CodeForbidden, action.StageDecode, "requests from other origins are not taken").WithField("Origin"))
		case !isOfThisSite(r.Header):
			d.refuse(w, action.NewError(action.CodeForbidden, action.StageDecode, "requests from pages of other sites are not taken").WithField("Sec-Fetch-Site"))
		case asksNoService(mux, r):
			d.handleNoService(w, r)
		case r.Method == http.MethodPost && !hasType(r, mounted):
			d.refuse(w, withStatus(http.StatusUnsupportedMediaType, typeRule(r)).WithField("Content-Type"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// takesOrigin tells whether every origin that a request names may send it.
func (d *Dispatcher) takesOrigin(r *http.Request) bool {
	if d.identity.access == nil && !d.openToAll {
		return hasLocalOrigin(r.Header)
	}
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	return true
}

// isNumeric tells whether a host, with or without a port, is an address: nobody can
// have it mean another.
func isNumeric(hostport string) bool {
	if _, err := netip.ParseAddrPort(hostport); err == nil {
		return true
	}
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]"))
	return err == nil
}

// hasLocalOrigin tells whether every origin that a request names is this machine.
func hasLocalOrigin(header http.Header) bool {
	for _, origin := range header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || !isLocal(u.Host) {
			return false
		}
	}
	return true
}

// isOfThisSite tells whether no page of another site made a browser send this.
// Every port of a machine is the same site; there the origin, which was looked
// at before, must say who it is.
func isOfThisSite(header http.Header) bool {
	for _, site := range header.Values("Sec-Fetch-Site") {
		switch site {
		case "same-origin", "none":
		case "same-site":
			if header.Get("Origin") == "" {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// isLocal tells whether the host, and port if there is one, of a URL is this
// machine. Brackets are for IPv6 and for nothing else.
func isLocal(hostport string) bool {
	host, port := hostport, ""
	if at := strings.LastIndexByte(hostport, ':'); at >= 0 && !strings.HasSuffix(hostport, "]") {
		host, port = hostport[:at], hostport[at+1:]
	}
	if port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	inside, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		if inside, bracketed = strings.CutSuffix(inside, "]"); !bracketed {
			return false
		}
	}
	ip, err := netip.ParseAddr(inside)
	return err == nil && ip.Is6() == bracketed && ip.Zone() == "" && ip.Unmap().IsLoopback()
}
