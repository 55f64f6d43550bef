module github.com/callout-hq/callout/sdk/go

go 1.25
