package action

// Every code, with the HTTP status it is shown under and the message a caller
// gets when nothing more precise is known. This is the one list; docs/errors.md
// is held against it by a test.
const (
	// What was sent to us.
	CodeMalformed       Code = "malformed"         // not the JSON that was expected
	CodeTooLarge        Code = "too_large"         // over a size bound
	CodeTooDeep         Code = "too_deep"          // JSON nested too deep
	CodeBadField        Code = "bad_field"         // a field outside its grammar
	CodeMismatch        Code = "mismatch"          // body and path or subject disagree
	CodeUnknownInstance Code = "unknown_instance"  // no such instance
	CodeDeadline        Code = "deadline"          // the caller's time was over
	CodeNotYet          Code = "not_yet"           // named in the design, not built yet
	CodeNotFound        Code = "not_found"         // nothing at that path
	CodeUnauthenticated Code = "unauthenticated"   // no token, or one that does not count here
	CodeForbidden       Code = "forbidden"         // refused method, Host, Origin or Content-Type; or more than the token may
	CodeTooManyRequests Code = "too_many_requests" // more requests in a second than who asks may send
	CodeBadSignature    Code = "bad_signature"     // a signature that is missing, too old or wrong

	// What is asked of the configuration.
	CodeAlreadyExists    Code = "already_exists"    // there is one of that name or condition
	CodeStillUsed        Code = "still_used"        // something names what is to be deleted
	CodeEventsWaiting    Code = "events_waiting"    // events wait for what is to be deleted
	CodeUnknownCondition Code = "unknown_condition" // a condition that no core has declared

	// What a target did.
	CodeTimeout         Code = "timeout"           // no whole answer in time
	CodeDNS             Code = "dns"               // its name does not resolve
	CodeConnect         Code = "connect"           // no connection
	CodeTLS             Code = "tls"               // handshake or certificate
	CodeBlockedAddress  Code = "blocked_address"   // an address that must not be dialled
	CodeRedirect        Code = "redirect"          // 3xx: never followed
	CodeStatus          Code = "status"            // not 2xx
	CodeAnswerTooLarge  Code = "answer_too_large"  // body over its bound, after decompression
	CodeHeadersTooLarge Code = "headers_too_large" // headers over their bound
	CodeAnswerBroken    Code = "answer_broken"     // ended early, bad encoding, not HTTP
	CodeAnswerMalformed Code = "answer_malformed"  // not a JSON object, duplicate keys, bad UTF-8
	CodeNotAllowed      Code = "not_allowed"       // changed what its allow list does not name
	CodeRejected        Code = "rejected"          // it said no, for the caller
	CodePaused          Code = "paused"            // the target is paused
	CodeGone            Code = "gone"              // it answered 410
	CodeCancelled       Code = "cancelled"         // the caller went away
	CodeNoPublicKey     Code = "no_public_key"     // payload: jwe, and no public key of the target is active, or it has expired

	// What keeps us from calling a target; nothing was sent.
	CodeBusy        Code = "busy"         // at its concurrency limit for the whole time; or as much is under way with us as may be
	CodeRateLimited Code = "rate_limited" // at its rate limit, no turn in time
	CodeBreakerOpen Code = "breaker_open" // its circuit breaker is open

	// What happened to us.
	CodeUnavailable Code = "unavailable" // no usable worker, or a NATS that does not answer
	CodeMissing     Code = "missing"     // a stream or bucket that was there is gone
	CodeStreamFull  Code = "stream_full" // the stream is at its limit
	CodeNotStored   Code = "not_stored"  // the stream did not confirm
	CodeInternal    Code = "internal"    // a fault of ours
	CodeOurFault    Code = "our_fault"   // no descriptor, port or memory left to call a target with
	CodeInUse       Code = "in_use"      // port or data directory taken
	CodeBadCatalog  Code = "bad_catalog" // a configuration with errors
	CodeUnreadable  Code = "unreadable"  // a stored catalog that is missing or broken
	CodeNewer       Code = "newer"       // stored by a newer version, in a form unknown to this one
	CodeConflict    Code = "conflict"    // somebody else wrote first, or an id is that of another event
	CodeOverQuota   Code = "over_quota"  // more than the quota of the instance allows
	CodeFileOwned   Code = "file_owned"  // an edit of something that a followed file configures
	CodeExhausted   Code = "exhausted"   // the retry policy's last attempt failed
	CodeExpired     Code = "expired"     // older than the retry policy's max_age
	CodeSkipped     Code = "skipped"     // somebody skipped the delivery
	CodeStopped     Code = "stopped"     // its line stood longer than max_stop
	CodeNoTarget    Code = "no_target"   // its target has left the catalog
	CodeDiscarded   Code = "discarded"   // it waited for what was deleted
)

type meaning struct {
	status  int
	message string
}

var meanings = map[Code]meaning{
	CodeMalformed:       {400, "the body is not the JSON that was expected"},
	CodeTooLarge:        {413, "the body is too large"},
	CodeTooDeep:         {400, "the JSON is nested too deep"},
	CodeBadField:        {400, "a field has a value that is not allowed"},
	CodeMismatch:        {400, "the body disagrees with where it was sent"},
	CodeUnknownInstance: {404, "there is no such instance"},
	CodeDeadline:        {504, "the deadline of the call has passed"},
	CodeNotYet:          {501, "this is not available yet"},
	CodeNotFound:        {404, "there is nothing here"},
	CodeUnauthenticated: {401, "say who you are: with a token that is known here and not over, as Authorization: Bearer"},
	CodeTooManyRequests: {429, "more requests come in a second than you may send: try again in a moment"},
	CodeForbidden:       {403, "the request is not allowed here"},
	CodeBadSignature:    {401, "the signature is not valid"},

	CodeAlreadyExists:    {409, "there is one already"},
	CodeStillUsed:        {409, "it is still used"},
	CodeEventsWaiting:    {409, "events wait for it"},
	CodeUnknownCondition: {400, "no core has declared this condition"},

	CodeTimeout:         {504, "the target did not answer in time"},
	CodeDNS:             {502, "the target's name could not be resolved"},
	CodeConnect:         {502, "the target could not be reached"},
	CodeTLS:             {502, "no secure connection to the target could be made"},
	CodeBlockedAddress:  {502, "the target's address is not allowed"},
	CodeRedirect:        {502, "the target answered with a redirect, which is not followed"},
	CodeStatus:          {502, "the target answered with an error"},
	CodeAnswerTooLarge:  {502, "the target's answer is too large"},
	CodeHeadersTooLarge: {502, "the headers of the target's answer are too large"},
	CodeAnswerBroken:    {502, "the target's answer broke off or could not be read"},
	CodeAnswerMalformed: {502, "the target's answer is not a well-formed JSON object"},
	CodeNotAllowed:      {502, "the target changed something it is not allowed to change"},
	CodeRejected:        {400, "the target rejected the call"},
	CodePaused:          {503, "the target is paused"},
	CodeGone:            {502, "the target says it is gone for good"},
	CodeCancelled:       {499, "the caller went away"},

	CodeNoPublicKey: {409, "the target has no public key that is active: what it is sent cannot be encrypted"},

	CodeBusy:        {503, "the target has as many calls under way as it allows"},
	CodeRateLimited: {503, "the target has had as many calls as its rate allows"},
	CodeBreakerOpen: {503, "the target failed too often and is left alone for a while"},

	CodeUnavailable: {503, "no worker is available"},
	CodeMissing:     {503, "something that the engine keeps in NATS is missing"},
	CodeStreamFull:  {503, "the event stream is full"},
	CodeNotStored:   {503, "the event stream did not confirm in time"},
	CodeInternal:    {500, "an internal error"},
	CodeOurFault:    {503, "the target could not be called by a fault of ours"},
	CodeInUse:       {409, "already in use"},
	CodeBadCatalog:  {400, "the configuration has errors"},
	CodeUnreadable:  {503, "a stored configuration cannot be read"},
	CodeNewer:       {503, "it was stored by a newer version of Callout"},
	CodeConflict:    {409, "somebody else changed it first"},
	CodeOverQuota:   {409, "the quota of the instance does not allow that"},
	CodeFileOwned:   {409, "it is configured by a file that is followed"},
	CodeExhausted:   {502, "the last attempt failed"},
	CodeExpired:     {502, "the delivery became too old"},
	CodeSkipped:     {409, "the delivery was skipped"},
	CodeStopped:     {503, "the line stood for too long"},
	CodeNoTarget:    {404, "the target is no longer configured"},
	CodeDiscarded:   {409, "what the delivery waited for was deleted"},
}

// Codes lists every code, for documentation and tests.
func Codes() []Code {
	all := make([]Code, 0, len(meanings))
	for c := range meanings {
		all = append(all, c)
	}
	return all
}

// IsOurs tells whether an exchange that ended with c failed by a fault of ours.
// It is the one place that says so: such an exchange is no attempt, uses up
// nothing of a retry policy and tells a breaker nothing.
func (c Code) IsOurs() bool { return c == CodeOurFault || c == CodeInternal }

// Status is the HTTP status a code is shown under, Message the standard text.
func (c Code) Status() int     { return meanings[c].status }
func (c Code) Message() string { return meanings[c].message }
