// Package score compares nodes that could all take a pod.
//
// Read Score first. Each gives every node 0 to 100, as in Kubernetes; the sums, by weight, decide. The weights are upstream's.
// Scores see only the nodes that passed the filters. What isn't here is the spreading that upstream adds to pods that say
// nothing about it: least-allocated and balanced do most of that.
package score
