// Package zitadel has the definition of ZITADEL's action services: names and
// numbers, as its clients send them. It is no Go of messages, and registers
// nothing: a program may import ZITADEL's own beside it.
package zitadel

import _ "embed"

// Descriptors is a google.protobuf.FileDescriptorSet of the protobuf files of this
// folder and what they import. `task generate` makes it of them.
//
//go:embed descriptors.binpb
var Descriptors []byte
