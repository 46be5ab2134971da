// Package clusterroleaggregation fills ClusterRoles that have an aggregationRule with the rules of all ClusterRoles whose labels it
// selects: so admin, edit and view get their rules, and so whoever adds a kind adds to them.
//
// It watches ClusterRoles. When any changes, each that aggregates is looked at again.
//
// What others wrote into the rules of such a role is overwritten. A role never aggregates itself; roles that aggregate each other
// come to the same rules after some rounds.
package clusterroleaggregation
