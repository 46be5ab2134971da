// Package auth says who may do what: users, their roles, the roles' permissions on ranges of keys, and the tokens that
// users show.
//
// Users and roles are replicated state. They change by log entries only, on every member alike, and lie in tables of the
// store. What a permission check needs of them is held in memory as one immutable [View]; a check loads it with one atomic
// operation and takes no lock.
//
// Tokens and verified passwords are a member's own and live in memory. A simple token is made on every member when the
// entry of its login is applied; a JWT needs no memory at all.
//
// The package refuses to know gRPC: who a call comes from is found by package api, which has its metadata and certificate.
// It never sees a password but to hash it or to compare it, and logs neither passwords nor tokens.
//
// Read first: [Store], then [View]; users.go and roles.go are the changes, one function for each kind of log entry.
//
// Invariants:
//
//	I1. A View never changes. A Store's next view is published after the batch that holds its records is committed, and
//	    before any later entry is: who checks a permission, reads, and finds the auth revision unchanged after it, has
//	    read nothing that the newer rules forbid.
//	I2. What a change does follows from the view before it and the entry alone: no clock, no randomness, no order of a map.
//	I3. Every change but enabling raises the auth revision by one, as in etcd, so that revisions mean the same on both.
//	I4. No lock is held while a password is hashed or compared, and no more of that runs at a time than half the processors.
//	I5. A token that was made before a user's password changed, the user was removed or authentication was turned off is not
//	    valid after it. A JWT is bound to the auth revision instead, which all of these raise: with an older one nothing is
//	    read or written any more, but as in etcd its user, unless removed, keeps what the role root may do besides keys
//	    until the JWT expires.
//
// Concurrency: the apply goroutine alone calls Load, the changes, Publish and Admit. Everything else is safe from any
// goroutine.
package auth
