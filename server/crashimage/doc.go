// Package crashimage copies the folder of a Pebble database without a write-ahead log while a process writes to it. The copy
// is what a crash at one moment would have left: Pebble opens it as it opens a folder after a crash, and finds everything
// that was flushed before the copy began. Read [Copy] first.
//
// Nothing tells the process that it is copied, and nothing is asked of it. What makes it right is how Pebble writes:
//
//	F1. Tables and blob files are written once, and synced before the manifest names them.
//	F2. The manifest only grows. A file that it no longer needs is removed only after the manifest says so. A new manifest
//	    is named by a marker file with a higher number.
//
// Invariants:
//
//	I1. The manifest is read, then everything it can name is opened; if the manifest and its markers are the same
//	    afterwards, F2 says that all it names was there. If not, it begins anew.
//	I2. The copy shares no file with its source: a change of owner or mode of the one does not reach the other.
//	I3. The source is only read. On error nothing is left of the copy.
//
// It refuses a database with a write-ahead log (ErrLogged): what is in the log alone would be missing in the copy. A log
// that lies in a folder of its own is not seen.
//
// Concurrency: calls may run at the same time, each to a folder of its own.
package crashimage
