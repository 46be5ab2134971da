// Package report turns the runs of a benchmark into what people and programs read: a table, JSON, and a
// page that needs nothing but itself.
//
// It measures nothing. Read Report first, then Figure. A figure of a target is the median over its runs,
// and a ratio is the median of the ratios within each pair of turns: the machine drifts over minutes, so
// neighbors compare and far runs don't. A Goal asks something of one figure; Judge says what came of it.
//
// The first target is judged, the second is its measure; further ones stand beside.
//
// Invariants:
//
//	I1  JSON holds every single run; nothing in a table or on the page is not computed from it.
//	I2  A figure that was not measured is absent, never zero, and no goal on it is met.
//	I3  A target whose operations failed in a row meets no goal of that row.
package report
