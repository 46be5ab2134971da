// Package unit is how the programs of a node are kept running: files of systemd, and a small supervisor that runs those same files where
// there is no systemd.
//
// Read Unit, then Supervise. Of systemd's language the supervisor knows what Unit.Write writes and no more: one ExecStart of plain words,
// After for the order, and Restart=always. It refuses other units by name rather than run them half.
//
// Invariants: a program that ends is started again after RestartSec; programs end with the supervisor, what they started for others to
// keep (the shims of containers) doesn't; each program's process id is in <run>/<name>.pid while it runs, and its output in <log>/<name>.log.
package unit
