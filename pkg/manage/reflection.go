package manage

import (
	"net/http"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/callout-hq/callout/pkg/manage/zitadel"
)

const maxReflection = 64 << 10 // bytes in a question of reflection

// reflections are the handlers of gRPC reflection, by which command lines find out
// what services can do.
func reflections(services []string) map[string]http.Handler {
	names := grpcreflect.NamerFunc(func() []string { return services })
	reflector := grpcreflect.NewReflector(names, grpcreflect.WithDescriptorResolver(definitions{}))
	routes := map[string]http.Handler{}
	for _, reflection := range []func(*grpcreflect.Reflector, ...connect.HandlerOption) (string, http.Handler){
		grpcreflect.NewHandlerV1, grpcreflect.NewHandlerV1Alpha,
	} {
		path, handler := reflection(reflector, connect.WithReadMaxBytes(maxReflection))
		routes[path] = handler
	}
	return routes
}

// definitions finds our own services, and those of the face for ZITADEL's tools,
// which are in no registry.
type definitions struct{}

var _ protodesc.Resolver = definitions{}

// FindFileByPath finds a protobuf file.
func (definitions) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if found, err := zitadel.Files.FindFileByPath(path); err == nil {
		return found, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

// FindDescriptorByName finds a service, a message, or what is in one.
func (definitions) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if found, err := zitadel.Files.FindDescriptorByName(name); err == nil {
		return found, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}
