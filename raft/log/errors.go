package log

import "errors"

var (
	// ErrCorrupt marks a log that is damaged: a checksum does not match, an entry is missing, or the log ends before an
	// index that was recorded as committed. The member must not vote with it.
	ErrCorrupt = errors.New("log: damaged")

	// ErrForeign marks a folder that holds something other than a petcd log.
	ErrForeign = errors.New("log: not a petcd log")

	// ErrStraySegments marks a failover folder that would mix another log's entries into this one.
	ErrStraySegments = errors.New("log: the failover folder holds another log's segments; clear it")

	// ErrFailed is returned by every write after one write failed. What reached the disk is unknown, so the log must be
	// closed and opened again before it takes another write.
	ErrFailed = errors.New("log: failed earlier")

	// ErrNotEmpty is returned by Bootstrap on a log that already holds something.
	ErrNotEmpty = errors.New("log: not empty")

	// ErrGap is returned by Append for entries that do not follow the log.
	ErrGap = errors.New("log: entries leave a gap")
)
