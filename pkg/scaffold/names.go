package scaffold

import (
	"strings"
	"unicode"

	"github.com/callout-hq/callout/pkg/action"
)

// words are the parts of a name that can stand in an identifier of any language.
func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// pascal is UserAdded.
func pascal(words []string) string {
	var b strings.Builder
	for _, word := range words {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// camel is userAdded.
func camel(words []string) string {
	name := pascal(words)
	return strings.ToLower(name[:1]) + name[1:]
}

// snake is user_added.
func snake(words []string) string {
	name := []rune(pascal(words))
	var b strings.Builder
	for i, r := range name {
		if begins := i > 0 && unicode.IsUpper(r); begins && (!unicode.IsUpper(name[i-1]) || i+1 < len(name) && unicode.IsLower(name[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// handlerWords name the handler of a condition: what is done last of its name, such as
// request CreateUser.
func handlerWords(of action.Condition) []string {
	about := of.Match
	switch of.Level() {
	case action.LevelAll:
		about = "any"
	case action.LevelGroup:
		about = strings.TrimSuffix(about, "*") + ".any"
	}
	if of.Phase == action.Request || of.Phase == action.Response {
		if _, method, isMethod := action.SplitMethod(of.Match); isMethod {
			about = method
		} else if parts := strings.Split(of.Match, "."); of.Match != "*" {
			about = parts[len(parts)-1]
		}
	}
	return append([]string{string(of.Phase)}, words(about)...)
}

// ShellWord writes a path so that a shell reads it as one word.
func ShellWord(s string) string {
	isPlain := func(r rune) bool {
		return r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+,@", r))
	}
	if s != "" && strings.TrimFunc(s, isPlain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// escaped is a text within XML.
func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}
