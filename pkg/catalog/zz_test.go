package catalog
import ("testing";"time";"fmt";"strings")
func TestZZ(t *testing.T) {
	run := func(n, src string) { st := time.Now(); s, p := Parse("x", []byte(src)); fmt.Println(n, len(src), time.Since(st), s != nil, len(p)); for i, x := range p { if i < 2 { fmt.Println("   ", x) } } }
	var b strings.Builder
	b.WriteString("targets:\n"); for i := 0; i < 10000; i++ { fmt.Fprintf(&b, "  t%d: {type: webhook, url: https://a.example/%d}\n", i, i) }
	b.WriteString("requests:\n"); for i := 0; i < 10000; i++ { fmt.Fprintf(&b, "  /a.b.S/M%d:\n    targets:\n    - target: t%d\n    - target: t%d\n", i, i, (i*7)%10000) }
	run("10k", b.String())
	run("10k typos", strings.ReplaceAll(b.String(), "target: t", "target: q"))
	run("flowmap keys", "{"+strings.Repeat("a: 1, ", 1300000)+"}")
	run("flow seq", "["+strings.Repeat("a, ", 2700000)+"]")
	run("seq of maps", strings.Repeat("- a: 1\n", 19000))
	run("block seq", "a:\n"+strings.Repeat("- a\n", 2000000))
	run("many maps", func() string { var b strings.Builder; for i := 0; i < 19000; i++ { fmt.Fprintf(&b, "k%d:\n", i); for j := 0; j < 20; j++ { fmt.Fprintf(&b, " a%d: 1\n", j) } }; return b.String() }())
	run("anchor lines", strings.Repeat("&a\n", 1000000))
	run("docs", strings.Repeat("---\n", 2000000))
	run("colons", strings.Repeat(": ", 2000000))
	run("colonlines", strings.Repeat(":\n", 2000000))
	run("quotes", strings.Repeat("\"a\" ", 2000000))
	run("commentkeys", strings.Repeat("a: 1 # x\n", 15000))
	run("star", strings.Repeat("*a\n", 2000000))
	run("pipes", strings.Repeat("a: |\n", 500000))
	run("longcol", strings.Repeat(" ", 4000000)+"a: 1\n")
	run("org orgs", func() string { var b strings.Builder; b.WriteString("requests: &r\n"); for i := 0; i < 10000; i++ { fmt.Fprintf(&b, "  /a.b.S/M%d: {targets: []}\n", i) }; b.WriteString("orgs:\n"); for i := 0; i < 5000; i++ { fmt.Fprintf(&b, "  o%d: {requests: *r}\n", i) }; return b.String() }())
	run("org orgs small", func() string { var b strings.Builder; b.WriteString("requests: &r\n"); for i := 0; i < 100; i++ { fmt.Fprintf(&b, "  /a.b.S/M%d: {targets: []}\n", i) }; b.WriteString("orgs:\n"); for i := 0; i < 3000; i++ { fmt.Fprintf(&b, "  o%d: {requests: *r}\n", i) }; return b.String() }())
	run("chain", func() string { var b strings.Builder; b.WriteString("requests:\n"); for i := 0; i < 19000; i++ { fmt.Fprintf(&b, "  l%d: {targets: [{include: l%d}]}\n", i, (i+1)%19000) }; return b.String() }())
	run("flow in value", "a: {"+strings.Repeat("b: [c], ", 1000000)+"}")
}
