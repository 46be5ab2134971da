package scheduler

import (
	"fmt"
	"slices"
	"strings"
)

// maxMessage is as much as an event holds.
const maxMessage = 1024

// message says why no node will do, in one line for the pod's user.
func (o *outcome) message() string {
	var b strings.Builder
	if o.nodes == 0 {
		b.WriteString("no nodes available to schedule pods")
	} else {
		fmt.Fprintf(&b, "0/%d nodes are available: %s.", o.nodes, o.reasons())
	}
	if o.preemption != "" {
		b.WriteString(" preemption: " + o.preemption)
	}
	return truncate(b.String())
}

// reasons is what is the same for all nodes, or what the nodes say.
func (o *outcome) reasons() string {
	if o.whole != nil {
		return strings.Join(o.whole.Reasons, ", ")
	}
	counts := map[string]int{}
	for _, r := range o.refused {
		for _, reason := range r.why.Reasons {
			counts[reason]++
		}
	}
	return countsText(counts)
}

// countsText lists reasons with how many nodes have each, in an order that doesn't change: events that say the same are merged.
func countsText(counts map[string]int) string {
	lines := make([]string, 0, len(counts))
	for reason := range counts {
		lines = append(lines, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// unavailable is the sentence about preemption that names a reason for each node.
func unavailable(nodes int, counts map[string]int) string {
	return fmt.Sprintf("0/%d nodes are available: %s.", nodes, countsText(counts))
}

// truncate cuts a text to what an event holds, and not within a character.
func truncate(s string) string {
	const more = " ..."
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage-len(more)], "") + more
}
