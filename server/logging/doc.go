// Package logging writes slog records the way etcd's logs look, so that the
// tools that read etcd's logs read ours: one JSON object a line with the keys
// level, ts, caller and msg first, or zap's console form.
//
// It makes handlers and opens their outputs; nothing here is global, and the
// logger is handed down from main.
//
// Read first: [New].
//
// Invariants:
//
//	I1. One record is one line and one Write.
//	I2. Logging never fails its caller: a value that cannot be encoded is
//	    written as text.
//
// Concurrency: a handler may be used from any goroutine.
package logging
