module github.com/callout-hq/callout/deploy/clients/transport

go 1.26
