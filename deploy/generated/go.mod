module github.com/callout-hq/callout/deploy/generated

go 1.25
