package demo

// ink colours text, or leaves it alone when it is false.
type ink bool

// style is a Select Graphic Rendition parameter (ECMA-48).
type style string

const (
	plain   style = ""
	bold    style = "1"
	dim     style = "2"
	red     style = "1;31"
	green   style = "32"
	yellow  style = "33"
	blue    style = "34"
	magenta style = "35"
	cyan    style = "36"
)

// partyStyle gives every party a colour of its own.
var partyStyle = map[Party]style{
	Client: bold, Core: cyan, AddMetadata: magenta, UserAddedHook: yellow, LDAP: green, StateHook: blue,
}

func (i ink) paint(s style, text string) string {
	if !bool(i) || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
