package calloutproto

import "google.golang.org/protobuf/reflect/protoreflect"

// Methods lists the methods of all services of protobuf files, for the
// declaration of a core:
//
//	callout.Options{Declare: &callout.Declaration{Core: "users", Methods: calloutproto.Methods(userv1.File_acme_user_v1_user_proto)}}
//
// Streaming methods are left out: they are not intercepted.
func Methods(files ...protoreflect.FileDescriptor) []string {
	var all []string
	for _, f := range files {
		for i := range f.Services().Len() {
			all = append(all, ServiceMethods(f.Services().Get(i))...)
		}
	}
	return all
}

// ServiceMethods lists the methods of protobuf services, as Methods does.
func ServiceMethods(services ...protoreflect.ServiceDescriptor) []string {
	var all []string
	for _, s := range services {
		for i := range s.Methods().Len() {
			m := s.Methods().Get(i)
			if !m.IsStreamingClient() && !m.IsStreamingServer() {
				all = append(all, "/"+string(s.FullName())+"/"+string(m.Name()))
			}
		}
	}
	return all
}
