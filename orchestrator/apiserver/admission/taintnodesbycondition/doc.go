// Package taintnodesbycondition is the admission plugin TaintNodesByCondition: a new node is born with the taint of one that is not
// ready, so that nothing is placed on it before the node controller has seen its conditions.
//
// Read Plugin. It looks at creations only: later the taints are the node controller's.
package taintnodesbycondition
