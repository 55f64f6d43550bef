// Package zitadel is a second face of the management service: the calls of
// ZITADEL's Actions v2, as REST and as Connect JSON, so that a tool written for
// them works unchanged. It is a translation: everything it does, it asks of
// callout.v1.ActionService in process. docs/zitadel.md tells what differs.
package zitadel
