// Package turn says what one target does once: load for a while, or a sequence such as fill, restart,
// save, restore, with the figures that come of it.
//
// It starts no cluster (the caller does) and compares nothing (package report). Read Turn first, then
// Load, the turn of most rows.
//
// Invariants:
//
//	I1  All targets of a row get the same requests: what is sent follows from the seed.
//	I2  Every answer is checked where it can be; what is wrong or fails is counted in Run.Errors.
//	I3  What a turn opens on the target has ended when Run returns.
//
// Concurrency: a Turn is run by one goroutine at a time.
package turn
