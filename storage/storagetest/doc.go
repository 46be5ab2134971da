// Package storagetest holds a naive model of a member's state, random log
// entries, and the comparison of a store with the model.
//
// Read Model first: it keeps every version of every key in a map and answers
// each question by looking at all of them. Entry is one log entry's meaning;
// it is applied to a store and to a model, which must answer alike. Compare
// then looks at everything a store can be asked.
//
// Invariants:
//
//	I1. An Entry applied to two models in the same state leaves both in the
//	    same state: replaying a log up to an index gives the state at it.
//
// Nothing here is safe for concurrent use. Only tests import this package.
package storagetest
