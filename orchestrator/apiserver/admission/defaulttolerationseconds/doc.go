// Package defaulttolerationseconds is the admission plugin DefaultTolerationSeconds: a pod that says nothing of the taints of nodes
// that are not ready or unreachable stays on such a node for five minutes before it is evicted.
//
// Read Plugin. It needs no client: it looks at the pod alone.
package defaulttolerationseconds
