package invoke

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// spellings are hosts as somebody may write them in a URL, by the address that a resolver
// of any system, or a browser, makes of them.
var spellings = map[string][]string{
	"127.0.0.1": {
		"127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "0177.0.0.1", "0177.0.0.01", "0177.00.00.01", "0177.1", "0x7f.0.0.1", "0X7F.0.0.1",
		"0x7f.0x0.0x0.0x1", "0x7f.1", "0x7f000001", "0x7F000001", "2130706433", "017700000001", "127.0.0.1.", "127.1.", "2130706433.", "0x7f000001.",
		"localhost", "LOCALHOST", "localhost.", "hooks.localhost", "hooks.example", "127.0.0.1.nip.example", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "１２７.0.0.1",
		"𝟏𝟐𝟕.0.0.1", "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "127.0.0.1%00", "127.0.0.1%20", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:0001]",
		"[0:0:0:0:0:ffff:127.0.0.1]", "[0000:0000:0000:0000:0000:ffff:7f00:0001]", "[::ffff:127.0.0.1%25lo]",
	},
	"127.255.255.254":                 {"127.255.255.254", "2147483646", "0x7ffffffe", "127.16777214"},
	"::1":                             {"[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::0001]", "[::0.0.0.1]", "[::1%25lo]", "[::1%25eth0]"},
	"0.0.0.0":                         {"0.0.0.0", "0", "0x0", "0.0", "00000000000", "[::ffff:0.0.0.0]"},
	"::":                              {"[::]", "[0:0:0:0:0:0:0:0]", "[::0]"},
	"::127.0.0.1":                     {"[::127.0.0.1]", "[::7f00:1]"},
	"::ffff:0:127.0.0.1":              {"[::ffff:0:127.0.0.1]", "[::ffff:0:7f00:1]"},
	"64:ff9b::7f00:1":                 {"[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]"},
	"64:ff9b:1::7f00:1":               {"[64:ff9b:1::127.0.0.1]"},
	"2002:7f00:1::":                   {"[2002:7f00:1::]", "[2002:7F00:0001:0:0:0:0:0]"},
	"2001:0:808:808::80ff:fffe":       {"[2001:0:808:808::80ff:fffe]"},
	"10.0.0.1":                        {"10.0.0.1", "10.1", "167772161", "0xa000001", "0x0a.0.0.1", "012.0.0.1", "[::ffff:10.0.0.1]", "[::ffff:a00:1]", "⑩.0.0.1"},
	"172.16.0.1":                      {"172.16.0.1", "2886729729", "0xac100001", "172.1048577", "0254.020.0.1"},
	"192.168.0.1":                     {"192.168.0.1", "192.168.1", "3232235521", "0xc0a80001", "0300.0250.0.1", "192.11010049"},
	"64:ff9b::a00:1":                  {"[64:ff9b::10.0.0.1]"},
	"2002:c0a8:1::":                   {"[2002:c0a8:1::]"},
	"169.254.169.254":                 {"169.254.169.254", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "025177524776", "169.254.43518", "169.16689662", "①⑥⑨.②⑤④.①⑥⑨.②⑤④", "169。254。169。254", "metadata.google.internal", "[::ffff:a9fe:a9fe]", "[::ffff:169.254.169.254]"},
	"::a9fe:a9fe":                     {"[::169.254.169.254]"},
	"64:ff9b::a9fe:a9fe":              {"[64:ff9b::169.254.169.254]", "[64:ff9b:0:0:0:0:a9fe:a9fe]"},
	"2002:a9fe:a9fe::":                {"[2002:a9fe:a9fe::]"},
	"2001:0:a9fe:a9fe::f7f7:f7f7":     {"[2001:0:a9fe:a9fe::f7f7:f7f7]"},
	"fd00:ec2::254":                   {"[fd00:ec2::254]", "[FD00:0EC2:0:0:0:0:0:0254]"},
	"fe80::1":                         {"[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%251]"},
	"fc00::1":                         {"[fc00::1]"},
	"100.100.100.200":                 {"100.100.100.200", "1684300232", "0x646464c8"},
	"168.63.129.16":                   {"168.63.129.16", "2822734096", "0xa83f8110"},
	"100.64.0.1":                      {"100.64.0.1", "0x64400001"},
	"224.0.0.1":                       {"224.0.0.1", "3758096385"},
	"255.255.255.255":                 {"255.255.255.255", "4294967295", "0xffffffff"},
	"ff02::1":                         {"[ff02::1]"},
	"240.0.0.1":                       {"240.0.0.1"},
	"0.1.2.3":                         {"0.1.2.3"},
	"192.0.0.192":                     {"192.0.0.192"},
	"198.18.0.1":                      {"198.18.0.1"},
	"2001:db8::1":                     {"[2001:db8::1]"},
	"2001:0:7f00:1::f7f7:f7f7":        {"[2001::7f00:1:0:0:f7f7:f7f7]"},
	"64:ff9b:1:a9fe:a9:fe00::":        {"[64:ff9b:1:a9fe:a9:fe00::]"},
	"::ffff:0:169.254.169.254":        {"[::ffff:0:169.254.169.254]"},
	"2001:0:808:808::5601:5601":       {"[2001:0:808:808::5601:5601]"},
	"fd00:c1::a9fe:a9fe":              {"[fd00:c1::a9fe:a9fe]"},
	"fe80::a9fe:a9fe":                 {"[fe80::a9fe:a9fe]"},
	"64:ff9b:1:7f:0:1::":              {"[64:ff9b:1:7f:0:1::]"},
	"2001:0:808:808::3f57:fffe":       {"[2001:0:808:808::3f57:fffe]"}, // 192.168.0.1
	"fdff:ffff:ffff:ffff:ffff:ffff::": {"[fdff:ffff:ffff:ffff:ffff:ffff::]"},
}

// TestSpellings: however a forbidden address is written, a worker without allowances makes
// no connection to it. What is of this machine is really asked for.
func TestSpellings(t *testing.T) {
	reached := make(chan string, 1000)
	s := httpServer(t, func(_ http.ResponseWriter, r *http.Request) { reached <- r.Host })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)
	strict := NewGuard(false)
	count, asked := 0, 0
	for text, hosts := range spellings {
		leads := netip.MustParseAddr(text)
		network := "tcp4"
		if leads.Is6() {
			network = "tcp6"
		}
		require.Equal(t, action.CodeBlockedAddress, action.CodeOf(strict.Check(network, netip.AddrPortFrom(leads, 80).String())), text)
		closed, open := newInvoker(t, func(o *Options) { o.AllowLocal = false }), newInvoker(t)
		closed.resolver = nameServer(t, func() []netip.Addr { return []netip.Addr{leads} })
		open.resolver = closed.resolver
		for _, host := range hosts {
			count++
			if literal := literalOf(host); literal.IsValid() { // which no resolver is asked for
				network := "tcp6"
				if literal.Is4() {
					network = "tcp4"
				}
				require.Equal(t, action.CodeBlockedAddress, action.CodeOf(strict.Check(network, netip.AddrPortFrom(literal, 80).String())), host)
			}
			if !leads.IsLoopback() {
				continue // no test asks for what is elsewhere, be it refused
			}
			at := "http://" + host + ":" + port + "/"
			a := closed.Do(t.Context(), callTo(at))
			require.NotNil(t, a.Err, host)
			require.False(t, a.Sent, host)
			require.Empty(t, reached, host)
			b := open.Do(t.Context(), callTo(at))
			switch {
			case b.Err == nil:
				<-reached
			case b.Err.Code != action.CodeConnect: // whoever may connect: no such name, no such URL, a zone
				continue
			}
			asked++
			require.Equal(t, action.CodeBlockedAddress, a.Err.Code, "%s: %v", host, a.Err)
		}
	}
	require.GreaterOrEqual(t, count, 80)
	require.GreaterOrEqual(t, asked, 30, "so many are reached by who may reach them")
	t.Logf("%d spellings of %d addresses, %d of them asked for", count, len(spellings), asked)
}

// literalOf is the address that stands in a URL as such; the zero one where a name does.
func literalOf(host string) netip.Addr {
	at, err := url.Parse("http://" + host + "/")
	if err != nil {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(at.Hostname())
	return ip
}

// TestRebinding: a name that was one address is checked anew when it is another, and where
// it is several none that is forbidden is tried.
func TestRebinding(t *testing.T) {
	const allowed, forbidden = "127.0.0.1", "127.0.0.2"
	var hits [2]atomic.Int32
	s := httpServer(t, func(http.ResponseWriter, *http.Request) { hits[0].Add(1) })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)
	trap, err := net.Listen("tcp", net.JoinHostPort(forbidden, port))
	require.NoError(t, err)
	defer trap.Close()
	go func() {
		for {
			c, err := trap.Accept()
			if err != nil {
				return
			}
			hits[1].Add(1)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
			_ = c.Close()
		}
	}()
	var now atomic.Pointer[[]netip.Addr]
	is := func(texts ...string) {
		var all []netip.Addr
		for _, text := range texts {
			all = append(all, netip.MustParseAddr(text))
		}
		now.Store(&all)
	}
	for instance := range map[string]bool{"one": true, "two": true} {
		for _, c := range []struct {
			name  string
			ips   []string
			fails bool
		}{
			{"what is allowed", []string{allowed}, false},
			{"another one", []string{forbidden}, true},
			{"what is allowed again", []string{allowed}, false},
			{"another one, mapped", []string{"::ffff:" + forbidden}, true},
			{"both", []string{forbidden, allowed}, false},
			{"both, turned", []string{allowed, forbidden}, false},
			{"this host", []string{"0.0.0.0"}, true},
			{"loopback of IPv6", []string{"::1"}, true},
		} {
			i := newInvoker(t, func(o *Options) {
				o.AllowLocal, o.Allow = false, []netip.Prefix{netip.MustParsePrefix(allowed + "/32")}
			})
			i.resolver = nameServer(t, func() []netip.Addr { return *now.Load() })
			is(c.ips...)
			before := hits[0].Load()
			a := i.Do(t.Context(), callTo("http://hook.example:"+port, in(instance)))
			if c.fails {
				require.NotNil(t, a.Err, c.name)
				require.Equal(t, action.CodeBlockedAddress, a.Err.Code, "%s: %v", c.name, a.Err)
				require.Equal(t, before, hits[0].Load())
			} else {
				require.Nil(t, a.Err, "%s: %v", c.name, a.Err)
				require.Equal(t, before+1, hits[0].Load())
			}
		}
	}
	require.Zero(t, hits[1].Load(), "the forbidden one was asked")

	// The same client, whose connection has been kept, and one that must make another.
	i := newInvoker(t, func(o *Options) {
		o.AllowLocal, o.Allow = false, []netip.Prefix{netip.MustParsePrefix(allowed + "/32")}
	})
	i.resolver = nameServer(t, func() []netip.Addr { return *now.Load() })
	is(allowed)
	require.Nil(t, i.Do(t.Context(), callTo("http://hook.example:"+port)).Err)
	s.CloseClientConnections()
	is(forbidden)
	a := i.Do(t.Context(), callTo("http://hook.example:"+port))
	require.NotNil(t, a.Err)
	require.Equal(t, action.CodeBlockedAddress, a.Err.Code, "%v", a.Err)
	require.Zero(t, hits[1].Load(), "the forbidden one was asked")
}
