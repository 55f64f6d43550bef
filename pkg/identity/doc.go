// Package identity finds out who somebody is by what others say of him: an identity
// provider (OpenID Connect), or an authority that signs certificates. A file of roles
// says what each may do here.
package identity
