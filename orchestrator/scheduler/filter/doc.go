// Package filter says which nodes can't take a pod, and why, in the words that users of Kubernetes know.
//
// Read Filter first, then Checks. A filter looks at the pod once and comes back with a Check, the question that is put to each
// node; with nothing, if it has no question for this pod; or with a Refusal that holds for all nodes. A check answers with a
// Refusal or nil. The first filter that refuses a node speaks for it.
//
// A Refusal is Final when taking pods off the node would not help. What depends on pods of other nodes is counted when the
// filter looks at the pod; such a check is a Mover, and is told when a what-if question adds or removes a pod.
package filter
