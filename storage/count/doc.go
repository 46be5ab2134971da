// Package count answers how many live keys a range holds without visiting
// them all.
//
// Live keys are cut into runs of neighbors, about RunTarget keys each. An
// Index holds the runs' first keys and counts. The count of a range is the sum
// over the runs that lie in it whole, plus what a scan of the live keys finds
// in the at most two runs that it cuts (Index.Cover). So a count costs a
// search, a sum over chunks of runs, and a scan of at most 2*RunMax keys,
// however many keys there are.
//
// Read Index first, then Edit. The package knows no engine: scans and
// persistence are functions its caller hands in. It refuses to know revisions;
// a count at an older revision is the caller's correction of one of these.
//
// Invariants:
//
//	I1. The first run begins at the empty key; runs are disjoint, sorted and
//	    cover all keys.
//	I2. A run's count is the number of live keys in it.
//	I3. An Index never changes. An Edit copies what it touches.
//	I4. After Seal, what was written through Writer, applied to what was
//	    written before, is exactly the Index that Seal returned.
//
// Concurrency: an Index is safe from any goroutine. An Edit belongs to one.
package count
