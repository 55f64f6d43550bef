package action

import "strings"

// ShownURL gives a URL, or several with commas between them, as it may be
// printed: without what stands before its @, which is a password, or a token
// alone. It asks for no URL that can be parsed, since those that cannot be hold
// passwords too; rather too much is left out.
func ShownURL(list string) string {
	urls := split(list)
	for i, url := range urls {
		scheme, rest, found := strings.Cut(url, "://")
		if !found {
			scheme, rest = "", url
		}
		at := strings.LastIndexByte(rest, '@')
		switch {
		case at < 0:
		case found:
			urls[i] = scheme + "://" + rest[at+1:]
		default:
			urls[i] = rest[at+1:]
		}
	}
	return strings.Join(urls, ",")
}

// split takes a list apart. A comma with an @ behind it, and no scheme in between,
// stands in a password.
func split(list string) []string {
	var urls []string
	whole := 0 // those of urls before the last one with a scheme
	for part := range strings.SplitSeq(list, ",") {
		last := len(urls) - 1
		switch {
		case strings.Contains(part, "://"):
			whole = len(urls)
		case strings.Contains(part, "@") && whole <= last && strings.Contains(urls[whole], "://") && !strings.Contains(urls[whole], "@"):
			urls[whole] = strings.Join(append(urls[whole:], part), ",")
			urls = urls[:whole+1]
			continue
		}
		urls = append(urls, part)
	}
	return urls
}

// ShownText gives a text as it may be printed: the URLs in it are shown as
// ShownURL does, and EscapeBidi makes it be read as it stands. A URL ends where there is a space.
func ShownText(text string) string {
	text = EscapeBidi(text)
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return text
	}
	var shown strings.Builder
	for len(text) > 0 {
		end := strings.IndexAny(text, " \t\r\n") + 1
		if end == 0 {
			end = len(text)
		}
		word := text[:end]
		if begins := strings.Index(word, "://"); begins >= 0 {
			word = word[:begins] + ShownURL(word[begins:])
		}
		shown.WriteString(word)
		text = text[end:]
	}
	return shown.String()
}
