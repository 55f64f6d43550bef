package zitadel

// version is one of the forms in which ZITADEL has had these calls.
type version struct {
	service string // in Connect and gRPC
	rest    string // where its paths begin
	// payloads tells whether targets have a payload type, and public keys.
	payloads bool
}

var versions = []version{
	{service: "zitadel.action.v2.ActionService", rest: "/v2/actions/", payloads: true},
	{service: "zitadel.action.v2beta.ActionService", rest: "/v2beta/actions/"},
}

// Services are the names of the services in Connect and gRPC.
func Services() []string {
	var names []string
	for _, v := range versions {
		names = append(names, v.service)
	}
	return names
}
