// Package conntrack ends flows that the kernel tracks and that lead where no rule would lead them now.
//
// The kernel translates a flow's first packet by rules and all others as it did the first. A TCP connection ends with its endpoint; a UDP
// flow lives on as long as the client sends, to nobody. Read Table.End.
//
// A kernel without ctnetlink can't be asked: New returns ErrUnsupported, and stale UDP flows end when their clients pause for longer than
// the kernel's timeout.
package conntrack
