// Package environment makes the environments of containers: env, envFrom, valueFrom, the variables of Services, and the expansion of
// $(VAR) in values, commands and arguments. Field and Resource are what the downward API says; volumes use them too.
//
// Read Builder first. It refuses fileKeyRef, which no container of this node can write.
//
// Invariants: a variable is there once; a later one of a name replaces an earlier one, env replaces envFrom, and both replace the
// variables of Services. A value sees only variables that come before it.
package environment
