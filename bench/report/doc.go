// Package report turns the runs of a benchmark into what people and programs read: a table and JSON.
//
// It measures nothing. Read Report first. A figure is the median over a target's runs, and a ratio is
// the median of the ratios within each pair of turns: the machine drifts over minutes, so neighbors
// compare and far runs don't.
//
// Invariants:
//
//	I1  JSON holds every single run; nothing in the table is not computed from it.
//	I2  A figure that was not measured is absent, never zero.
package report
