// Package replicationcontroller is the ReplicationController controller: package replicas at work on ReplicationControllers, which
// it shows to it as ReplicaSets.
//
// Read shown first. Their status has no terminatingReplicas: that number stays here.
package replicationcontroller
