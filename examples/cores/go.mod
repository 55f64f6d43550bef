module github.com/callout-hq/callout/examples/cores

go 1.25
