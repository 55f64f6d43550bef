package patch

import (
	"fmt"
	"strconv"
	"strings"
)

// pointer reads a JSON pointer (RFC 6901): the whole document is "", everything
// else begins with a slash. The tokens are unescaped.
func pointer(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, fmt.Errorf("the pointer %.80q does not begin with /", text)
	}
	tokens := strings.Split(text[1:], "/")
	for i, t := range tokens {
		for rest := t; ; {
			tilde := strings.IndexByte(rest, '~')
			if tilde < 0 {
				break
			}
			if rest = rest[tilde+1:]; rest == "" || rest[0] != '0' && rest[0] != '1' {
				return nil, fmt.Errorf("the pointer %.80q has a ~ that is neither ~0 nor ~1", text)
			}
		}
		tokens[i] = unescape.Replace(t)
	}
	return tokens, nil
}

var (
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
	escaping = strings.NewReplacer("~", "~0", "/", "~1")
)

func escape(name string) string { return escaping.Replace(name) }

// place reads a token as the place of an item among n: digits without a leading
// zero. With end, - and n itself are the place behind the last one.
func place(token string, n int, end bool) (int, error) {
	if token == "-" && end {
		return n, nil
	}
	at, err := strconv.Atoi(token)
	if err != nil || at < 0 || strconv.Itoa(at) != token {
		return 0, fmt.Errorf("%.80q is no place in an array", token)
	}
	if at > n || at == n && !end {
		return 0, fmt.Errorf("the array has no item %d", at)
	}
	return at, nil
}
