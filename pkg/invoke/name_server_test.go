package invoke

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// resolverTo is a resolver that knows every name under one address, or none when ip is nil.
func resolverTo(t *testing.T, ip net.IP) *net.Resolver {
	at, _ := netip.AddrFromSlice(ip)
	return nameServer(t, func() []netip.Addr {
		if ip == nil {
			return nil
		}
		return []netip.Addr{at.Unmap()}
	})
}

// nameServer is a resolver whose only name server is a real one on loopback, which knows
// every name under what is said at that time.
func nameServer(t *testing.T, of func() []netip.Addr) *net.Resolver {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := dnsReply(buf[:n], of()); reply != nil {
				_, _ = server.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() { server.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// dnsReply answers one question (RFC 1035, 4.1): header, the question again, and the
// addresses of the type that is asked for. Without any the name is none.
func dnsReply(query []byte, all []netip.Addr) []byte {
	const typeA, typeAAAA = 1, 28
	end := 12
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	if end+5 > len(query) {
		return nil
	}
	asked := binary.BigEndian.Uint16(query[end+1:])
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end+5]...)
	if len(all) == 0 {
		reply[3] |= 3 // no such name
	}
	for _, ip := range all {
		if ip.Is4() == (asked == typeA) && ip.Is6() == (asked == typeAAAA) {
			reply[7]++
			reply = append(reply, 0xc0, 12, 0, byte(asked), 0, 1, 0, 0, 0, 60, 0, byte(ip.BitLen()/8))
			reply = append(reply, ip.AsSlice()...)
		}
	}
	return reply
}
