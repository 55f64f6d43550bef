// Package access says who may do what: one table, and nothing but values. Over
// HTTP, in the management API and on NATS the same rows decide; who somebody is
// was found out before.
package access
