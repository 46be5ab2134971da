// Package password hashes passwords and compares them, for the users of API 3 and of API 2 alike.
//
// bcrypt is slow by design; a client of API 2 sends its password with every request. What was found to match is therefore
// remembered, in memory, as a MAC under a key that this process alone has.
//
// It refuses to know users: whose a hash is, and whether it still is, the caller knows. It never logs a password.
//
// Read first: [Checker].
//
// Invariants:
//
//	I1. What is remembered is one password for one owner and one hash. A password that was changed, and a user who was
//	    removed and added again, have another hash, because each has a salt of its own.
//	I2. No lock is held while a password is hashed or compared, and no more of that runs at a time than half the
//	    processors.
//
// Concurrency: everything is safe from any goroutine.
package password
