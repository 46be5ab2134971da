// Package crashimage copies the folder of a Pebble database while a process writes to it. The copy is what a crash at one
// moment would have left: Pebble opens it as it opens a folder after a crash, and finds everything that was written before
// the copy began. Read [Copy] first.
//
// Nothing tells the process that it is copied, and nothing is asked of it. What makes it right is how Pebble writes:
//
//	F1. Tables and blob files are written once, and synced before the manifest names them.
//	F2. The manifest only grows. A file that it no longer needs is removed, or a log reused under another name, only after
//	    the manifest says so. A new manifest is named by a marker file with a higher number.
//	F3. A log only grows, from its beginning; what lies behind is zeros or of an earlier log that was reused, which its
//	    chunks' log numbers tell. A log is complete before the next one is made.
//
// Invariants:
//
//	I1. The manifest is read, then everything it can name is opened, and all logs are copied; if the manifest and its
//	    markers are the same afterwards, F2 says that all it names was there. If not, it begins anew.
//	I2. Logs are copied newest first (F3: an older one is then complete), each from its end to its beginning, a page at a
//	    time: a page that is found written has everything before it written, too. So the copy of a log is a prefix of it
//	    and holds what was in it before.
//	I3. The copy shares no file with its source: a change of owner or mode of the one does not reach the other.
//	I4. The source is only read. On error nothing is left of the copy.
//
// It refuses logs that lie in two folders, as --wal-failover-dir has them: F3 does not order writes to both.
//
// Concurrency: calls may run at the same time, each to a folder of its own.
package crashimage
