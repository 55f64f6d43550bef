package invoke

import (
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// No address of this table is ever dialled.
func TestGuard(t *testing.T) {
	const (
		strict = 1 << iota // passes the default guard
		dev                // passes with AllowLocal
		wide               // passes with everything allowed: 0.0.0.0/0 and ::/0
	)
	guards := map[int]*Guard{
		strict: NewGuard(false),
		dev:    NewGuard(true),
		wide:   NewGuard(false, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")),
	}
	cases := []struct {
		name, network, address string
		pass                   int
	}{
		{"public", "tcp4", "8.8.8.8:443", strict | dev | wide},
		{"public, odd port", "tcp4", "8.8.8.8:9999", strict | dev | wide},
		{"public IPv6", "tcp6", "[2606:4700:4700::1111]:443", strict | dev | wide},
		{"public, mapped", "tcp6", "[::ffff:8.8.8.8]:443", strict | dev | wide},
		{"loopback", "tcp4", "127.0.0.1:80", dev | wide},
		{"loopback, far end", "tcp4", "127.255.255.254:80", dev | wide},
		{"loopback IPv6", "tcp6", "[::1]:80", dev | wide},
		{"loopback, mapped", "tcp6", "[::ffff:127.0.0.1]:80", dev | wide},
		{"private 10", "tcp4", "10.1.2.3:80", dev | wide},
		{"private 172", "tcp4", "172.31.255.255:80", dev | wide},
		{"beside private 172", "tcp4", "172.32.0.0:80", strict | dev | wide},
		{"private 192", "tcp4", "192.168.0.1:80", dev | wide},
		{"private, mapped", "tcp6", "[::ffff:10.0.0.1]:80", dev | wide},
		{"unique local", "tcp6", "[fd12::1]:80", dev | wide},
		{"carrier NAT", "tcp4", "100.64.0.1:80", wide},
		{"this host", "tcp4", "0.0.0.0:80", wide},
		{"this host IPv6", "tcp6", "[::]:80", wide},
		{"compatible form of loopback", "tcp6", "[::127.0.0.1]:80", wide},
		{"multicast", "tcp4", "224.0.0.1:80", wide},
		{"multicast IPv6", "tcp6", "[ff02::1]:80", wide},
		{"broadcast", "tcp4", "255.255.255.255:80", wide},
		{"reserved", "tcp4", "240.0.0.1:80", wide},
		{"documentation", "tcp4", "192.0.2.1:80", wide},
		{"documentation IPv6", "tcp6", "[2001:db8::1]:80", wide},
		{"benchmarking", "tcp4", "198.18.0.1:80", wide},
		{"NAT64 of public", "tcp6", "[64:ff9b::808:808]:80", wide},
		{"NAT64 of metadata", "tcp6", "[64:ff9b::a9fe:a9fe]:80", 0},
		{"6to4 of public", "tcp6", "[2002:808:808::1]:80", wide},
		{"6to4 of metadata", "tcp6", "[2002:a9fe:a9fe::1]:80", 0},
		{"compatible form of metadata", "tcp6", "[::169.254.169.254]:80", 0},
		{"compatible form of metadata of Alibaba", "tcp6", "[::100.100.100.200]:80", 0},
		{"translated form of metadata", "tcp6", "[::ffff:0:169.254.169.254]:80", 0},
		{"local NAT64 of public", "tcp6", "[64:ff9b:1::808:808]:80", wide},
		{"local NAT64 of metadata", "tcp6", "[64:ff9b:1::a9fe:a9fe]:80", 0},
		{"local NAT64 of 48 bits of metadata", "tcp6", "[64:ff9b:1:a9fe:a9:fe00::]:80", 0},
		{"local NAT64 of 56 bits of metadata", "tcp6", "[64:ff9b:1:7a9:fe:a9fe::]:80", 0},
		{"local NAT64 of 64 bits of metadata", "tcp6", "[64:ff9b:1:7:a9:fea9:fe00::]:80", 0},
		{"local NAT64 of Azure's wire server", "tcp6", "[64:ff9b:1::168.63.129.16]:80", 0},
		{"Teredo of a client at metadata", "tcp6", "[2001:0:808:808::5601:5601]:80", 0},
		{"Teredo of a server at metadata", "tcp6", "[2001:0:a9fe:a9fe::f7f7:f7f7]:80", 0},
		{"Teredo", "tcp6", "[2001::1]:80", wide},
		{"link-local", "tcp4", "169.254.1.1:80", 0},
		{"link-local IPv6", "tcp6", "[fe80::1]:80", 0},
		{"link-local IPv6 with zone", "tcp6", "[fe80::1%lo]:80", 0},
		{"loopback with zone", "tcp6", "[::1%lo]:80", 0},
		{"metadata", "tcp4", "169.254.169.254:80", 0},
		{"metadata, mapped", "tcp6", "[::ffff:169.254.169.254]:80", 0},
		{"metadata of ECS", "tcp4", "169.254.170.2:80", 0},
		{"metadata of AWS, IPv6", "tcp6", "[fd00:ec2::254]:80", 0},
		{"metadata of GCP, IPv6", "tcp6", "[fd20:ce::254]:80", 0},
		{"metadata of Alibaba", "tcp4", "100.100.100.200:80", 0},
		{"metadata of Oracle", "tcp4", "192.0.0.192:80", 0},
		{"metadata of Oracle, IPv6", "tcp6", "[fd00:c1::a9fe:a9fe]:80", 0},
		{"metadata of Alibaba, IPv6", "tcp6", "[fd00:100::100:200]:80", 0},
		{"metadata of Scaleway", "tcp4", "169.254.42.42:80", 0},
		{"metadata of Scaleway, IPv6", "tcp6", "[fd00:42::42]:80", 0},
		{"metadata of Akamai, IPv6", "tcp6", "[fd00:a9fe:a9fe::1]:80", 0},
		{"metadata of OpenStack, IPv6", "tcp6", "[fe80::a9fe:a9fe]:80", 0},
		{"metadata of Tencent", "tcp4", "169.254.0.23:80", 0},
		{"wire server of Azure", "tcp4", "168.63.129.16:80", 0},
		{"beside the wire server", "tcp4", "168.63.129.17:80", strict | dev | wide},
		{"another protocol", "udp4", "8.8.8.8:53", 0},
		{"unix socket", "unix", "/run/docker.sock", 0},
		{"a name", "tcp4", "localhost:80", 0},
		{"no port", "tcp4", "8.8.8.8", 0},
		{"nothing", "tcp4", "", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for bit, guard := range guards {
				err := guard.Check(c.network, c.address)
				if c.pass&bit != 0 {
					require.NoError(t, err, "guard %d", bit)
					continue
				}
				require.Equal(t, action.CodeBlockedAddress, action.CodeOf(err), "guard %d", bit)
			}
		})
	}
}

func TestGuardAllowances(t *testing.T) {
	cases := []struct {
		allow, address string
		pass           bool
	}{
		{"10.0.0.0/8", "10.9.9.9:80", true},
		{"10.0.0.0/8", "11.0.0.1:80", true}, // public anyway
		{"10.0.0.0/24", "10.0.1.1:80", false},
		{"::ffff:10.0.0.0/104", "10.9.9.9:80", true},
		{"fd00::/8", "[fd00::1]:80", true},
		{"fd00::/8", "[fd00:ec2::254]:80", false}, // a wide allowance does not reach metadata
		{"169.254.0.0/16", "169.254.169.254:80", false},
		{"169.254.169.254/32", "169.254.169.254:80", true}, // naming it does
		{"169.254.169.254/32", "169.254.169.253:80", false},
		{"127.0.0.1/32", "127.0.0.1:80", true},
		{"127.0.0.1/32", "127.0.0.2:80", false},
		{"64:ff9b::/96", "[64:ff9b::808:808]:80", true},
		{"64:ff9b::/96", "[64:ff9b::a00:1]:80", false}, // leads to 10.0.0.1
		{"2002::/16", "[2002:7f00:1::1]:80", false},    // leads to 127.0.0.1
		{"2002::/16", "[2002:808:808::1]:80", true},
		{"64:ff9b:1::/48", "[64:ff9b:1::808:808]:80", true},
		{"64:ff9b:1::/48", "[64:ff9b:1::a00:1]:80", false},         // of 96 bits, leads to 10.0.0.1
		{"64:ff9b:1::/48", "[64:ff9b:1:a00:0:100::]:80", false},    // of 48 bits, the same
		{"64:ff9b:1::/48", "[64:ff9b:1:7f:0:1::]:80", false},       // of 56 bits, leads to 127.0.0.1
		{"64:ff9b:1::/48", "[64:ff9b:1::c0:a801:100:0]:80", false}, // of 64 bits, leads to 192.168.1.1
		{"2001::/32", "[2001:0:808:808::f7f7:f7f7]:80", true},      // 8.8.8.8 behind 8.8.8.8
		{"2001::/32", "[2001:0:808:808::f5ff:fffe]:80", false},     // leads to 10.0.0.1
		{"2001::/32", "[2001:0:7f00:1::f7f7:f7f7]:80", false},      // asks 127.0.0.1
		{"::/96", "[::8.8.8.8]:80", true},
		{"::/96", "[::10.0.0.1]:80", false},
		{"::/96", "[::169.254.169.254]:80", false},
		{"::/96", "[::1]:80", true}, // which is an address of its own
		{"::1/128", "[::1]:80", true},
		{"::ffff:0:0:0/96", "[::ffff:0:8.8.8.8]:80", true},
		{"::ffff:0:0:0/96", "[::ffff:0:10.0.0.1]:80", false},
		{"::/0", "[::ffff:10.0.0.1]:80", false},
		{"::/0", "[64:ff9b::10.0.0.1]:80", false},
		{"::/0", "[64:ff9b:1::10.0.0.1]:80", false},
		{"::/0", "[::10.0.0.1]:80", false},
		{"::/0", "[2002:a00:1::]:80", false},
		{"::/0", "[2001:0:808:808::f5ff:fffe]:80", false},
		{"::/0", "[fd00:c1::a9fe:a9fe]:80", false},
		{"fd00:c1::a9fe:a9fe/128", "[fd00:c1::a9fe:a9fe]:80", true},
		{"0.0.0.0/0", "168.63.129.16:80", false},
		{"168.63.129.16/32", "168.63.129.16:80", true},
		{"192.0.0.0/24", "192.0.0.192:80", false},
		{"100.64.0.0/10", "100.100.100.200:80", false},
	}
	for _, c := range cases {
		network := "tcp4"
		if c.address[0] == '[' {
			network = "tcp6"
		}
		err := NewGuard(false, netip.MustParsePrefix(c.allow)).Check(network, c.address)
		require.Equal(t, c.pass, err == nil, "%s under %s: %v", c.address, c.allow, err)
	}
}

// What a target asks for counts as far as the worker's flag goes, and nothing
// counts where it says nothing.
func TestGuardOfATargetThatAsks(t *testing.T) {
	for _, c := range []struct {
		name, may, asks, address string
		pass                     bool
		says                     string
	}{
		{"nothing may be asked for", "", "127.0.0.0/8", "127.0.0.1:80", false, "asks for 127.0.0.0/8 by its egress.allow, which --allow-egress"},
		{"nor everything", "", "0.0.0.0/0", "10.0.0.1:80", false, "--allow-egress"},
		{"nor metadata", "", "169.254.169.254/32", "169.254.169.254:80", false, "--allow-egress 169.254.169.254"},
		{"within", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3:80", true, ""},
		{"within, and not asked for", "10.0.0.0/8", "10.1.0.0/16", "10.2.0.1:80", false, "--allow of the worker would open it to every target"},
		{"the same", "10.0.0.0/8", "10.0.0.0/8", "10.2.0.1:80", true, ""},
		{"wider, where it is within", "10.1.0.0/16", "10.0.0.0/8", "10.1.2.3:80", true, ""},
		{"wider, where it is not", "10.1.0.0/16", "0.0.0.0/0", "10.2.0.1:80", false, "asks for 0.0.0.0/0"},
		{"beside", "10.0.0.0/8", "192.168.0.0/16", "192.168.0.1:80", false, "asks for 192.168.0.0/16"},
		{"mapped", "::ffff:10.0.0.0/104", "10.1.0.0/16", "10.1.2.3:80", true, ""},
		{"asked for as mapped", "10.0.0.0/8", "::ffff:10.1.0.0/112", "10.1.2.3:80", true, ""},
		{"IPv6", "fd00::/8", "fd12::/16", "[fd12::1]:80", true, ""},
		{"all of IPv6 is none of IPv4", "::/0", "0.0.0.0/0", "10.0.0.1:80", false, "asks for 0.0.0.0/0"},
		{"metadata within what is wide", "0.0.0.0/0", "169.254.169.254/32", "169.254.169.254:80", false, "--allow-egress 169.254.169.254"},
		{"metadata within its range", "169.254.0.0/16", "169.254.169.254/32", "169.254.169.254:80", false, "--allow-egress 169.254.169.254"},
		{"metadata by what is wide", "169.254.169.254/32", "0.0.0.0/0", "169.254.169.254:80", false, "--allow-egress 169.254.169.254"},
		{"metadata that both name", "169.254.169.254/32", "169.254.169.254/32", "169.254.169.254:80", true, ""},
		{"metadata of AWS, IPv6", "fd00::/8", "fd00:ec2::254/128", "[fd00:ec2::254]:80", false, "--allow-egress fd00:ec2::254"},
		{"metadata of AWS, IPv6, that both name", "fd00:ec2::254/128", "fd00:ec2::254/128", "[fd00:ec2::254]:80", true, ""},
		{"metadata behind NAT64", "64:ff9b::/96", "64:ff9b::a9fe:a9fe/128", "[64:ff9b::a9fe:a9fe]:80", false, "169.254.169.254"},
		{"public as ever", "", "10.0.0.0/8", "8.8.8.8:80", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{}
			if c.may != "" {
				o.AllowEgress = []netip.Prefix{netip.MustParsePrefix(c.may)}
			}
			network := "tcp4"
			if c.address[0] == '[' {
				network = "tcp6"
			}
			err := NewTargetGuard(o, []netip.Prefix{netip.MustParsePrefix(c.asks)}).Check(network, c.address)
			if c.pass {
				require.NoError(t, err)
				return
			}
			var of *action.Error
			require.ErrorAs(t, err, &of)
			require.Equal(t, action.CodeBlockedAddress, of.Code)
			require.Equal(t, action.StageGuard, of.Stage)
			require.ErrorContains(t, of.Cause, c.says)
			require.NotContains(t, of.Message, c.address, "the caller sees no address")
		})
	}
	require.Error(t, NewTargetGuard(Options{AllowLocal: true}, []netip.Prefix{netip.MustParsePrefix("169.254.169.254/32")}).Check("tcp4", "169.254.169.254:80"),
		"AllowLocal opens no metadata, whatever a target asks for")
}

// Whatever a target asks for, it gets nothing that neither it nor the worker's flag
// has, and no more than it would get as an allowance of the worker.
func TestGuardOfATargetGetsNoMoreThanTheFlag(t *testing.T) {
	strict := NewGuard(false)
	prefix := rapid.Custom(func(t *rapid.T) netip.Prefix {
		b := rapid.SampledFrom([][4]byte{{10, 0, 0, 1}, {10, 1, 2, 3}, {127, 0, 0, 1}, {169, 254, 169, 254}, {192, 168, 1, 1}, {8, 8, 8, 8}}).Draw(t, "ip")
		p, _ := netip.AddrFrom4(b).Prefix(rapid.SampledFrom([]int{0, 8, 16, 24, 32}).Draw(t, "bits"))
		return p
	})
	rapid.Check(t, func(t *rapid.T) {
		may, asked := rapid.SliceOf(prefix).Draw(t, "may"), rapid.SliceOf(prefix).Draw(t, "asked")
		at := netip.AddrPortFrom(prefix.Draw(t, "at").Addr(), 80).String()
		if NewTargetGuard(Options{AllowEgress: may}, asked).Check("tcp4", at) == nil {
			require.NoError(t, NewGuard(false, may...).Check("tcp4", at), "the flag has it")
			require.NoError(t, NewGuard(false, asked...).Check("tcp4", at), "the target asks for it")
			return
		}
		require.Error(t, strict.Check("tcp4", at), "what is public stays so")
	})
}

// Whatever the address, the mapped form passes exactly when the plain one does.
func TestGuardSeesThroughMapping(t *testing.T) {
	guard := NewGuard(false)
	rapid.Check(t, func(t *rapid.T) {
		plain := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip")))
		mapped := netip.AddrFrom16(plain.As16())
		a := guard.Check("tcp4", netip.AddrPortFrom(plain, 80).String())
		b := guard.Check("tcp6", netip.AddrPortFrom(mapped, 80).String())
		require.Equal(t, a == nil, b == nil)
	})
}

// Whatever leads to an address of IPv4 passes, under an allowance of all of IPv6,
// only where that address passes by itself.
func TestGuardSeesWhereAnAddressLeads(t *testing.T) {
	guard := NewGuard(false, netip.MustParsePrefix("::/0"))
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 4, 4), rapid.SampledFrom([][]byte{{10, 0, 0, 1}, {127, 0, 0, 1}, {169, 254, 169, 254}, {168, 63, 129, 16}, {8, 8, 8, 8}})).Draw(t, "ip")
		plain := guard.Check("tcp4", netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), 80).String())
		for _, form := range [][16]byte{
			{12: b[0], b[1], b[2], b[3]},
			{8: 0xff, 0xff, 0, 0, b[0], b[1], b[2], b[3]},
			{0, 0x64, 0xff, 0x9b, 12: b[0], b[1], b[2], b[3]},
			{0, 0x64, 0xff, 0x9b, 0, 1, 12: b[0], b[1], b[2], b[3]},
			{0x20, 0x02, b[0], b[1], b[2], b[3]},
			{0x20, 0x01, 0, 0, b[0], b[1], b[2], b[3], 0, 0, 0, 0, 0xf7, 0xf7, 0xf7, 0xf7},
			{0x20, 0x01, 0, 0, 8, 8, 8, 8, 0, 0, 0, 0, ^b[0], ^b[1], ^b[2], ^b[3]},
		} {
			if b[0] == 0 {
				continue // no address to lead to
			}
			ip := netip.AddrFrom16(form)
			require.Equal(t, plain == nil, guard.Check("tcp6", netip.AddrPortFrom(ip, 80).String()) == nil, "%v", ip)
		}
	})
}

// The guard stands in the way of real requests: by address, by name, and until
// the target or the installation is allowed more.
func TestDoIsGuarded(t *testing.T) {
	reached := make(chan struct{}, 10)
	s := httpServer(t, func(http.ResponseWriter, *http.Request) { reached <- struct{}{} })
	address := s.Listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	strict := func(o *Options) { o.AllowLocal = false }

	i := newInvoker(t, strict)
	i.resolver = resolverTo(t, net.IPv4(127, 0, 0, 1))
	for _, url := range []string{s.URL, "http://hook.example:" + port, "http://[::ffff:127.0.0.1]:" + port} {
		a := i.Do(t.Context(), callTo(url+"/?secret"))
		require.Equal(t, action.CodeBlockedAddress, a.Err.Code, "%s: %v", url, a.Err)
		require.Equal(t, action.StageGuard, a.Err.Stage)
		require.False(t, a.Sent)
		requireDiscreet(t, a.Err, address)
	}
	require.Empty(t, reached)

	asks := func(c *Call) { c.Target.Egress, c.MayAsk = []netip.Prefix{loopback}, true }
	a := i.Do(t.Context(), callTo(s.URL, asks))
	require.Equal(t, action.CodeBlockedAddress, a.Err.Code, "it may ask for nothing")
	require.ErrorContains(t, a.Err, "--allow-egress", "which the log tells")
	requireDiscreet(t, a.Err, address)
	open := newInvoker(t, strict, func(o *Options) { o.AllowEgress = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	a = open.Do(t.Context(), callTo(s.URL, asks))
	require.Nil(t, a.Err)
	for _, refused := range []Answer{
		open.Do(t.Context(), callTo(s.URL)),
		open.Do(t.Context(), callTo(s.URL, asks, func(c *Call) { c.MayAsk = false })),
		open.Try(t.Context(), callTo(s.URL, asks, func(c *Call) { c.MayAsk = false })).Answer,
	} {
		require.Equal(t, action.CodeBlockedAddress, refused.Err.Code, "who asks for nothing, or may not ask")
	}
	a = newInvoker(t, strict, func(o *Options) { o.Allow = []netip.Prefix{loopback} }).Do(t.Context(), callTo(s.URL))
	require.Nil(t, a.Err)
	require.Len(t, reached, 2)
}

func TestNoProxyFromTheEnvironment(t *testing.T) {
	i := newInvoker(t)
	i.resolver = resolverTo(t, nil)
	// net/http never asks a proxy for loopback, so this takes a name. With the
	// proxy of TestMain, the class would be connect.
	a := i.Do(t.Context(), callTo("http://hook.example/"))
	require.Equal(t, action.CodeDNS, a.Err.Code, "%v", a.Err)
}
