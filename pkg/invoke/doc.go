// Package invoke is all of Callout's outgoing HTTP: one POST for each Do,
// guarded, signed, bounded and classified.
//
//	Do ── client and limits of the target (kept, one each)
//	    ── limits: breaker, a free slot, a token of the rate; or uncharged
//	    ── request: headers, signatures, remaining time
//	    ── guard: every address, after the name is resolved, before it is dialled
//	    ── exchange: a repeat only of what the target surely did not process
//	    ── answer: status, bounded body, decompressed, read strictly
//
// What holds for every Do:
//
//   - It returns by the context's deadline, whatever the target does. Before
//     that, it waits at most Call.Wait for the target's limits, and the exchange
//     takes at most the target's timeout: name, connection, headers and body.
//   - No target waits for another: connections and limits are each target's own.
//   - It reads at most the target's answer limit and one byte, counted after
//     decompression, and 64 KiB of headers, all 1xx answers included.
//   - It follows no redirect, takes no proxy from the environment, and dials
//     no address that the guard has not seen.
//   - Its error names a class and nothing of the target's URL, address or
//     secret; what only the operator may know is in the error's Cause.
package invoke
