// Package seal closes secrets so that who stores them cannot read them again: they
// are sealed for a public key, and opened with the private one that belongs to it.
// It is HPKE (RFC 9180) of the standard library: X25519, HKDF-SHA256 and AES-256-GCM.
// All functions are of values, and may be used from any goroutine. No error shows
// anything of a secret or of a private key.
package seal
