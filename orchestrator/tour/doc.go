// Package tour keeps docs/tour.md and docs/tour.ja.md true: it runs every command that they show, in order, and compares what is printed
// with what they say is printed.
//
// Read Document, which is what a page shows, then Player, which plays it: a terminal that lasts from the first command to the last, and
// programs in other terminals. Differences tells what of an output may differ from one run to the next.
//
// A page's blocks of kind "console" hold lines "$ command", each followed by what it prints; a command goes on after a line that ends with
// a backslash. A line "…" stands for any lines, "…" within a line for any text. A block of kind "console other-terminal" starts a program
// that goes on while the tour does; what it shows has to appear before the tour goes on. "^C" in one ends the program started last.
//
// Invariants: what is not a block of that kind is never changed by an update; whatever a Player started ends with it.
package tour
