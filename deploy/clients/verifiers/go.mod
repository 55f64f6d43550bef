// What published verifiers of others make of what Callout signs and encrypts. It is a
// module of its own: they and what they need are no part of Callout.
module github.com/callout-hq/callout/deploy/clients/verifiers

go 1.26.0

require (
	github.com/standard-webhooks/standard-webhooks/libraries v0.0.1
	github.com/stretchr/testify v1.12.1
	github.com/svix/svix-webhooks v1.44.0
	github.com/zitadel/zitadel-go/v3 v3.29.0
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	gopkg.in/validator.v2 v2.0.1 // indirect
)
