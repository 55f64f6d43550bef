// Package share divides what all parties need, so that no party can hold it
// alone: places for calls in hand, bytes of bodies, connections, watches.
//
// A Pool holds half as much again as one party may have alone. A party may hold
// at most twice what is left over, so that the first gets all that one may have,
// and there is always something left for who comes next. This is the rule of
// dynamic thresholds (A. K. Choudhury and E. L. Hahne, "Dynamic Queue Length
// Thresholds for Shared-Memory Packet Switches", 1998), with a factor of 2.
//
// Rates say how much in a second each party may have whatever the others do.
package share
