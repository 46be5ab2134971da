package filter

import (
	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// Checks are the questions of all filters for one pod.
type Checks struct {
	state  *view.State
	pod    *view.Pod
	checks []Check
	of     []*Filter // beside checks
	movers []Mover
}

// Ask lets filters look at a pod. When one refuses it for all nodes, it is returned with its refusal.
func Ask(c *Context, filters []Filter, p *view.Pod) (*Checks, *Filter, *Refusal) {
	cs := &Checks{state: c.State, pod: p}
	for i := range filters {
		check, refusal := filters[i].Ask(c, p)
		if refusal != nil {
			return nil, &filters[i], refusal
		}
		if check == nil {
			continue
		}
		cs.checks, cs.of = append(cs.checks, check), append(cs.of, &filters[i])
		if m, ok := check.(Mover); ok {
			cs.movers = append(cs.movers, m)
		}
	}
	return cs, nil, nil
}

// Refuses asks a node. It must do both with the pods that are nominated to it and come first, and without them: they may
// never arrive, and the pod must not count on them.
func (cs *Checks) Refuses(n *view.Node) (*Filter, *Refusal) {
	if crowded := cs.withNominated(n); crowded != nil {
		f, refusal := cs.ask(crowded.node)
		crowded.undo()
		if refusal != nil {
			return f, refusal
		}
	}
	return cs.ask(n)
}

// ask returns the first refusal, and whose it is.
func (cs *Checks) ask(n *view.Node) (*Filter, *Refusal) {
	for i, check := range cs.checks {
		if refusal := check.Refuses(n); refusal != nil {
			return cs.of[i], refusal
		}
	}
	return nil, nil
}

// crowd is a node as it will be when the pods nominated to it have come.
type crowd struct {
	node *view.Node
	undo func()
}

// withNominated returns nil if no pod that comes first is nominated to the node.
func (cs *Checks) withNominated(n *view.Node) *crowd {
	var first []*view.Pod
	for _, p := range cs.state.Nominated(n.Name) {
		if p.Key() != cs.pod.Key() && p.Priority >= cs.pod.Priority {
			first = append(first, p)
		}
	}
	if len(first) == 0 {
		return nil
	}
	c := n.Clone()
	for _, p := range first {
		cs.Put(p, c)
	}
	return &crowd{node: c, undo: func() {
		for _, p := range first {
			cs.Take(p, c)
		}
	}}
}

// Put adds a pod to a clone of a node, and tells those checks that count pods.
func (cs *Checks) Put(p *view.Pod, clone *view.Node) {
	clone.Add(p)
	for _, m := range cs.movers {
		m.Move(p, clone, 1)
	}
}

// Take is the reverse of Put.
func (cs *Checks) Take(p *view.Pod, clone *view.Node) {
	clone.Remove(p)
	for _, m := range cs.movers {
		m.Move(p, clone, -1)
	}
}
