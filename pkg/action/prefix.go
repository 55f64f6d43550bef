package action

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

var errNoPrefix = errors.New("an address range is written like 10.0.0.0/8, 10.1.2.3 or fd00::/8")

// ParsePrefix reads a range of addresses; a single address is a range of one.
// What it reads need not be what was meant: CheckPrefix tells.
func ParsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return netip.Prefix{}, errNoPrefix
		}
		return prefix, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, errNoPrefix
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// CheckPrefix refuses a range with bits behind its length, and names the two
// that may have been meant: 1.2.3.4/0 is one address or all of them.
func CheckPrefix(p netip.Prefix) error {
	switch {
	case !p.IsValid():
		return errNoPrefix
	case p != p.Masked():
		return fmt.Errorf("the range has bits behind its length: write %v for the one address, or %v for the whole range",
			netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), p.Masked())
	}
	return nil
}
