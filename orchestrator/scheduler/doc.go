// Package scheduler gives pods without a node the best node that there is, and says why where there is none.
//
// Read Scheduler first, then attempt. One goroutine takes pods from the queue one by one: it filters nodes, ranks those left,
// and assumes the pod on the best, all on a view that stands still meanwhile. What takes time, telling the apiserver, is done by
// goroutines of their own; until the informer shows the pod on its node the view counts it there. A pod that no node would take
// gets a condition and an event that name a reason for every node, and room made for it if its priority allows.
//
// The parts, from below: change (what happens in a cluster), view (nodes and the pods on them), volume, filter, score, preempt,
// queue. They start no goroutines, and only volume has a client. Package app, above, is the process.
//
// Not built, and refused or ignored as said: other profiles and extenders, dynamic resource allocation, pod groups, volume limits
// and access modes of volumes, default spread constraints.
package scheduler
