package calloutgrpc

import "google.golang.org/grpc"

// Methods lists the methods of gRPC services, for the declaration of a core:
//
//	callout.Options{Declare: &callout.Declaration{Core: "users", Methods: calloutgrpc.Methods(&userv1.UserService_ServiceDesc)}}
//
// Streaming methods are left out: they are not intercepted.
func Methods(services ...*grpc.ServiceDesc) []string {
	var all []string
	for _, s := range services {
		for _, m := range s.Methods {
			all = append(all, "/"+s.ServiceName+"/"+m.MethodName)
		}
	}
	return all
}
