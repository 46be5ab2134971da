// Package replicaset is the ReplicaSet controller: package replicas at work on ReplicaSets.
package replicaset
