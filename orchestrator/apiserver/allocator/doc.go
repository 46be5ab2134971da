// Package allocator gives out the addresses and node ports of Services: none of them twice, whatever the number of apiservers.
//
// Read Store, then IPs and Ports; table is what they share: a bitmap in one stored object (a core/v1 RangeAllocation, as upstream's),
// changed by compare-and-swap alone. Nothing is remembered between two calls but what Repair counts.
//
// A request may die between taking an address and storing its Service, or between deleting a Service and giving its address back.
// Repair puts that right from the Services that there are. So an address may be taken though no Service has it, for a while, but
// one that a Service has is never free.
package allocator
