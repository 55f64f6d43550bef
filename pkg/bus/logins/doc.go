// Package logins is the room of the bus for who may log in: the keys of the roles
// that pkg/access grants something, the configuration by which a NATS server knows
// them, and the trial of what each may do.
package logins
