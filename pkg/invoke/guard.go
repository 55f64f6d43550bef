package invoke

import (
	"fmt"
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"

	"github.com/callout-hq/callout/pkg/action"
)

// metadata are addresses that hand out a machine's identity and secrets, or
// are part of the cloud's own plumbing. Some are public or private addresses
// like any other, so a wide allowance must not reach them: only an allowed
// prefix of exactly one address does.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),         // link-local: AWS, Azure, GCP, OpenStack, ECS, EKS, Scaleway, Tencent
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure's wire server, a public address
	netip.MustParsePrefix("100.100.100.200/32"),     // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),         // Oracle
	netip.MustParsePrefix("fe80::/10"),              // link-local
	netip.MustParsePrefix("fd00:ec2::/32"),          // AWS over IPv6
	netip.MustParsePrefix("fd20:ce::254/128"),       // GCP over IPv6
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle over IPv6
	netip.MustParsePrefix("fd00:100::100:200/128"),  // Alibaba over IPv6
	netip.MustParsePrefix("fd00:42::42/128"),        // Scaleway over IPv6
	netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"),  // Akamai over IPv6
}

// local are the ranges that AllowLocal opens.
var local = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"),
}

// Guard decides which addresses may be dialled: public ones on any port, and
// what is allowed on purpose. It sees addresses after the name is resolved, so
// a name cannot promise one address and be another. It is safe for concurrent
// use.
type Guard struct {
	addresses *ssrf.Guardian
	named     map[netip.Addr]bool // allowed one by one, which reaches metadata too
	asked     []netip.Prefix      // by the target itself, granted or not
}

// NewGuard makes the guard of what every target may reach. Allowed prefixes may be
// IPv4, IPv6 or IPv4-mapped.
func NewGuard(allowLocal bool, allow ...netip.Prefix) *Guard {
	return NewTargetGuard(Options{AllowLocal: allowLocal, Allow: allow}, nil)
}

// NewTargetGuard makes the guard of a target that asks for more by its own egress:
// it gets what of that lies within AllowEgress. An address that hands out a
// machine's identity it gets only when both name that one address.
func NewTargetGuard(o Options, egress []netip.Prefix) *Guard {
	g := &Guard{named: map[netip.Addr]bool{}, asked: unmapped(egress)}
	allow := unmapped(o.Allow)
	for _, p := range allow {
		if p.IsSingleIP() {
			g.named[p.Addr()] = true
		}
	}
	if o.AllowLocal {
		allow = append(allow, local...)
	}
	for _, may := range unmapped(o.AllowEgress) {
		for _, asked := range g.asked {
			if !may.Overlaps(asked) {
				continue
			}
			if may == asked && may.IsSingleIP() {
				g.named[may.Addr()] = true
			}
			if asked.Bits() < may.Bits() { // of two that overlap the longer is what they share
				asked = may
			}
			allow = append(allow, asked)
		}
	}
	var v4, v6 []netip.Prefix
	for _, p := range allow {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	g.addresses = ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	return g
}

// unmapped gives prefixes of mapped addresses as those of IPv4.
func unmapped(prefixes []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(prefixes))
	for _, p := range prefixes {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out
}

// Check tells whether a connection may be made: network is tcp4 or tcp6,
// address an IP and port. The error has code blocked_address and names the
// address in its Cause only.
func (g *Guard) Check(network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return blocked(fmt.Errorf("network %q is not tcp", network))
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return blocked(err)
	}
	ip := at.Addr().Unmap()
	for _, candidate := range append(embedded(ip), ip) {
		if err := g.check(candidate); err != nil {
			return blocked(err)
		}
	}
	return nil
}

func (g *Guard) check(ip netip.Addr) error {
	if !g.named[ip] {
		for _, p := range metadata {
			if p.Contains(ip) {
				return fmt.Errorf("%v is in %v, which belongs to the machine or its cloud: only --allow %v of the worker opens it, "+
					"or --allow-egress %v for a target that asks for this very address", ip, p, ip, ip)
			}
		}
	}
	if err := g.addresses.SafeAddr(ip); err != nil {
		return fmt.Errorf("%w: %s", err, g.wayOut(ip))
	}
	return nil
}

// wayOut tells an operator which flag would open an address.
func (g *Guard) wayOut(ip netip.Addr) string {
	for _, p := range g.asked {
		if p.Contains(ip) {
			return fmt.Sprintf("the target asks for %v by its egress.allow, which --allow-egress of the worker does not have", p)
		}
	}
	return "--allow of the worker would open it to every target"
}

// control is Check in the form that net.Dialer calls before it connects.
func (g *Guard) control(network, address string, _ syscall.RawConn) error {
	return g.Check(network, address)
}

func blocked(cause error) error {
	return action.NewError(action.CodeBlockedAddress, action.StageGuard, "").WithCause(cause)
}
