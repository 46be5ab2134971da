// Package node decides what kubelets may do: a node that has been broken into must not give away more than the pods on it need.
//
// A kubelet is a user system:node:<name> in the group system:nodes. It may use its own Node, Lease and CSINode, see the pods that are
// bound to it, and read what these refer to: secrets, config maps, claims, the volumes of those, and the secrets of those. It makes
// tokens for their service accounts. Where no object needs to be told from another a list of rules decides, as for anybody else.
//
// Read Authorizer first, then relations, which follows the references. Nothing but the informers' caches is kept: what a pod
// gives to its node it gives from the moment its binding is seen until it is gone.
//
// A mirror pod, which a kubelet made itself, gives it nothing. Which labels and which fields of its own objects a kubelet may change is
// not decided here: that takes the objects, which only admission sees.
package node
