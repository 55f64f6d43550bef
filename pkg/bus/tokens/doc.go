// Package tokens keeps who may ask for what over HTTP: of each token its hash, its
// scope and its verbs, and when it was used last. Dispatchers alone come here.
package tokens
