// Package shards is the room of the bus for who works on which lines, and how far
// those have come. A shard is some of the ordered lines of an instance. One worker
// holds it at a time, and writes the places of its lines in group commits, each of
// which the server refuses once somebody else holds the shard. It has one bucket,
// $KV.callout_holders.session.<worker> and ….shard.<instance>.<number>, and one
// stream, callout.position.<instance>.<number>.
package shards
