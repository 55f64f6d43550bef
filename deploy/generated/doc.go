// Package generated has "callout generate" write a server in each language, by the SDKs of this
// checkout, builds and starts it as its README says, and has a callout dev drive it.
package generated
