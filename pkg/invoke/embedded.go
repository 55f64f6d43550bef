package invoke

import "net/netip"

// The ranges of IPv6 that lead to an address of IPv4, which stands inside.
var (
	compatible = netip.MustParsePrefix("::/96")
	translated = netip.MustParsePrefix("::ffff:0:0:0/96")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")
	teredo     = netip.MustParsePrefix("2001::/32")
	sixto4     = netip.MustParsePrefix("2002::/16")
	thisHost   = netip.MustParsePrefix("0.0.0.0/8")
)

// embedded gives the addresses of IPv4 that one of IPv6 leads to, or may. The
// ranges are closed by default; where one is allowed, what it leads to must be
// allowed too. A NAT64 of a network's own prefix cannot be told from any other
// address.
func embedded(ip netip.Addr) []netip.Addr {
	if !ip.Is6() {
		return nil
	}
	raw := ip.As16()
	switch {
	case compatible.Contains(ip): // :: and ::1 are addresses of their own
		return meant(at(raw, 12, 13, 14, 15))
	case translated.Contains(ip), nat64.Contains(ip):
		return []netip.Addr{at(raw, 12, 13, 14, 15)}
	case localNAT64.Contains(ip): // how long the network's prefix is, nobody says
		return meant(at(raw, 12, 13, 14, 15), at(raw, 6, 7, 9, 10), at(raw, 7, 9, 10, 11), at(raw, 9, 10, 11, 12))
	case teredo.Contains(ip):
		client := at(raw, 12, 13, 14, 15).As4()
		for i := range client {
			client[i] ^= 0xff
		}
		return []netip.Addr{at(raw, 4, 5, 6, 7), netip.AddrFrom4(client)} // the server comes first
	case sixto4.Contains(ip):
		return []netip.Addr{at(raw, 2, 3, 4, 5)}
	}
	return nil
}

// at is the address whose bytes stand there.
func at(raw [16]byte, a, b, c, d int) netip.Addr {
	return netip.AddrFrom4([4]byte{raw[a], raw[b], raw[c], raw[d]})
}

// meant leaves out what is no address to lead to, so that another one is meant.
func meant(all ...netip.Addr) []netip.Addr {
	some := all[:0]
	for _, ip := range all {
		if !thisHost.Contains(ip) {
			some = append(some, ip)
		}
	}
	return some
}
