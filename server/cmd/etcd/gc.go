package main

// ballastBytes are never touched, so that they take no memory; they count as live, and the collector's next cycle comes when
// as much again was allocated. Most of what a member keeps (block cache, memtables) is not in Go's heap, which is so small
// that without ballast requests would have it collected several times a second: 7 % of the processor time under small writes,
// 2 % with it. A percentage for the same effect (GOGC=300) would let the heap of a member with many watchers grow to four times
// what lives.
const ballastBytes = 32 << 20

// newBallast makes the ballast. Keep it alive as long as the process serves.
func newBallast() []byte { return make([]byte, ballastBytes) }
