package filter

import (
	"k8s.io/apimachinery/pkg/util/sets"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/scheduler/view"
)

// What pods on a node leave for others: ports and resources.

var portTaken = &Refusal{Reasons: []string{"node(s) didn't have free ports for the requested pod ports"}}

// ports refuses nodes where a host port of the pod is taken.
func ports(_ *Context, p *view.Pod) (Check, *Refusal) {
	if len(p.Ports) == 0 {
		return nil, nil
	}
	return CheckFunc(func(n *view.Node) *Refusal {
		for _, wanted := range p.Ports {
			for _, taken := range n.Ports {
				if wanted.Conflicts(taken) {
					return portTaken
				}
			}
		}
		return nil
	}), nil
}

// resources refuses nodes that have too little left of something.
func resources(_ *Context, p *view.Pod) (Check, *Refusal) {
	return CheckFunc(func(n *view.Node) *Refusal {
		var short shortage
		if int64(len(n.Pods))+1 > n.AllowedPods {
			short.reasons = append(short.reasons, "Too many pods")
			short.final = n.AllowedPods < 1
		}
		if p.Requests.Zero() {
			return short.refusal()
		}
		short.check(v1.ResourceCPU, p.Requests.CPU, n.Requested.CPU, n.Allocatable.CPU)
		short.check(v1.ResourceMemory, p.Requests.Memory, n.Requested.Memory, n.Allocatable.Memory)
		short.check(v1.ResourceEphemeralStorage, p.Requests.Storage, n.Requested.Storage, n.Allocatable.Storage)
		if len(p.Requests.Others) > 0 {
			for _, name := range sets.List(sets.KeySet(p.Requests.Others)) {
				short.check(name, p.Requests.Others[name], n.Requested.Others[name], n.Allocatable.Others[name])
			}
		}
		return short.refusal()
	}), nil
}

// shortage collects what a node has too little of.
type shortage struct {
	reasons []string
	final   bool
}

// check notes a resource of which too little is left. Nothing was asked if wanted is 0, even where more is taken than there is.
func (s *shortage) check(name v1.ResourceName, wanted, taken, all int64) {
	if wanted > 0 && wanted > all-taken {
		s.reasons = append(s.reasons, "Insufficient "+string(name))
		s.final = s.final || wanted > all
	}
}

// refusal is nil if nothing is short.
func (s *shortage) refusal() *Refusal {
	if len(s.reasons) == 0 {
		return nil
	}
	return &Refusal{Reasons: s.reasons, Final: s.final}
}
