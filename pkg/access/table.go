package access

// Operation is something that can be asked for: a row of the table.
type Operation struct {
	// Name is the method of the management API, or what a core asks for.
	Name string
	// Verb is what must have been granted.
	Verb Verb
	// Least is the narrowest level of who may ask: an operation of Organization can be
	// about one organization alone, one of Instance touches all of an instance.
	Least Level
}

// What a core asks for, over HTTP and over NATS.
var (
	MakeCall     = Operation{"MakeCall", Call, Instance}
	StoreEvents  = Operation{"StoreEvents", Publish, Instance}
	SeeReadiness = Operation{"SeeReadiness", Observe, Installation} // what is missing and where; whether it is ready is told to everybody
	SeeContract  = Operation{"SeeContract", Observe, Organization}  // gRPC reflection, and the same as OpenAPI
	SeeTypes     = Operation{"SeeTypes", Observe, Organization}     // what cores declare of their bodies
)

// The methods of the management API.
var (
	Apply               = Operation{"Apply", Write, Organization}
	Export              = Operation{"Export", Read, Organization}
	Explain             = Operation{"Explain", Read, Organization}
	GetRevision         = Operation{"GetRevision", Observe, Organization}
	CreateTarget        = Operation{"CreateTarget", Write, Organization}
	GetTarget           = Operation{"GetTarget", Read, Organization}
	ListTargets         = Operation{"ListTargets", Read, Organization}
	UpdateTarget        = Operation{"UpdateTarget", Write, Organization}
	DeleteTarget        = Operation{"DeleteTarget", Write, Organization}
	TestTarget          = Operation{"TestTarget", Write, Organization}
	RotateTargetKey     = Operation{"RotateTargetKey", Write, Organization}
	ListTargetKeys      = Operation{"ListTargetKeys", Read, Organization}
	RevokeTargetKey     = Operation{"RevokeTargetKey", Write, Organization}
	AddPublicKey        = Operation{"AddPublicKey", Write, Organization}
	ListPublicKeys      = Operation{"ListPublicKeys", Read, Organization}
	ActivatePublicKey   = Operation{"ActivatePublicKey", Write, Organization}
	DeactivatePublicKey = Operation{"DeactivatePublicKey", Write, Organization}
	RemovePublicKey     = Operation{"RemovePublicKey", Write, Organization}
	ListInstanceKeys    = Operation{"ListInstanceKeys", Observe, Instance}
	RotateInstanceKey   = Operation{"RotateInstanceKey", Write, Instance}
	PauseTarget         = Operation{"PauseTarget", Operate, Organization}
	ResumeTarget        = Operation{"ResumeTarget", Operate, Organization}
	SetExecution        = Operation{"SetExecution", Write, Organization}
	GetExecution        = Operation{"GetExecution", Read, Organization}
	ListExecutions      = Operation{"ListExecutions", Read, Organization}
	DeleteExecution     = Operation{"DeleteExecution", Write, Organization}
	DeclareConditions   = Operation{"DeclareConditions", Publish, Instance}
	ListConditions      = Operation{"ListConditions", Observe, Organization}
	ListRevisions       = Operation{"ListRevisions", Read, Instance}
	DiffRevisions       = Operation{"DiffRevisions", Read, Instance}
	Rollback            = Operation{"Rollback", Write, Instance}
	WatchRevisions      = Operation{"WatchRevisions", Observe, Instance}
	ListSubscriptions   = Operation{"ListSubscriptions", Observe, Organization}
	PauseSubscription   = Operation{"PauseSubscription", Operate, Organization}
	ResumeSubscription  = Operation{"ResumeSubscription", Operate, Organization}
	RetrySubscription   = Operation{"RetrySubscription", Operate, Organization}
	SkipSubscription    = Operation{"SkipSubscription", Operate, Organization}
	ListDeadLetters     = Operation{"ListDeadLetters", Read, Organization}
	GetDeadLetter       = Operation{"GetDeadLetter", Read, Organization}
	RedriveDeadLetters  = Operation{"RedriveDeadLetters", Operate, Organization}
	DiscardDeadLetters  = Operation{"DiscardDeadLetters", Operate, Organization}
	ListDeliveries      = Operation{"ListDeliveries", Read, Organization}
	GetDelivery         = Operation{"GetDelivery", Read, Organization}
	ReplayEvents        = Operation{"ReplayEvents", Operate, Organization}
	TailEvents          = Operation{"TailEvents", Read, Organization}
	ListEvents          = Operation{"ListEvents", Read, Organization}
	ListJobs            = Operation{"ListJobs", Observe, Organization}
	GetJob              = Operation{"GetJob", Observe, Organization}
	WatchJob            = Operation{"WatchJob", Observe, Organization}
	CancelJob           = Operation{"CancelJob", Operate, Organization}
	GetStatus           = Operation{"GetStatus", Observe, Installation}
	ListWorkers         = Operation{"ListWorkers", Observe, Installation}
	ListInstances       = Operation{"ListInstances", Observe, Instance} // of an instance, that one
	CreateInstance      = Operation{"CreateInstance", Write, Installation}
	DescribeInstance    = Operation{"DescribeInstance", Observe, Instance}
	DeleteInstance      = Operation{"DeleteInstance", Write, Installation}
	SetQuota            = Operation{"SetQuota", Write, Installation}
	CreateToken         = Operation{"CreateToken", Write, Organization}
	ListTokens          = Operation{"ListTokens", Write, Organization}
	RevokeToken         = Operation{"RevokeToken", Write, Organization}
	SetSecret           = Operation{"SetSecret", Write, Organization}
	ListSecrets         = Operation{"ListSecrets", Read, Organization}
	DeleteSecret        = Operation{"DeleteSecret", Write, Organization}
	ListAudit           = Operation{"ListAudit", Read, Instance}
)

// Table is every operation there is.
var Table = []Operation{
	MakeCall, StoreEvents, SeeReadiness, SeeContract, SeeTypes,
	Apply, Export, Explain, GetRevision,
	CreateTarget, GetTarget, ListTargets, UpdateTarget, DeleteTarget, TestTarget, RotateTargetKey, ListTargetKeys, RevokeTargetKey, PauseTarget, ResumeTarget,
	AddPublicKey, ListPublicKeys, ActivatePublicKey, DeactivatePublicKey, RemovePublicKey, ListInstanceKeys, RotateInstanceKey,
	SetExecution, GetExecution, ListExecutions, DeleteExecution,
	DeclareConditions, ListConditions,
	ListRevisions, DiffRevisions, Rollback, WatchRevisions,
	ListSubscriptions, PauseSubscription, ResumeSubscription, RetrySubscription, SkipSubscription,
	ListDeadLetters, GetDeadLetter, RedriveDeadLetters, DiscardDeadLetters, ListDeliveries, GetDelivery,
	ReplayEvents, TailEvents, ListEvents,
	ListJobs, GetJob, WatchJob, CancelJob,
	GetStatus, ListWorkers, ListInstances, CreateInstance, DescribeInstance, DeleteInstance, SetQuota,
	CreateToken, ListTokens, RevokeToken, SetSecret, ListSecrets, DeleteSecret, ListAudit,
}
