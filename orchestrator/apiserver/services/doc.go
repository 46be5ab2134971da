// Package services gives Services what the cluster assigns them: addresses, IP families, node ports.
//
// Read Services: its methods are the hooks of the storage of Services, which run before the object is validated and stored. They
// fill in what was left out, keep what an update didn't mention, take off what a changed type has no use for, and take what is
// needed from the allocators. If the request fails afterwards everything is given back; what the Service needs no longer is given
// back when it succeeds.
//
// Nothing is given to a Service whose addresses make no sense, and the type that a Service has is believed: validation comes later.
// A request that dies in between leaves something taken; Repair finds it. The storage says that an update has succeeded just before
// it stores the object, as upstream's does: should that fail, what the update gave up is free until Repair takes it again.
package services
