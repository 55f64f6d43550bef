// Package contract writes what a target receives and may answer, and what a core says
// over NATS, as documents that tools read: OpenAPI 3.1 with webhooks, and AsyncAPI 3.
// Both are made of the schemas in schemas/bodies, which are served beside them. All of it
// are functions of values.
package contract
