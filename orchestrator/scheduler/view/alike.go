package view

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Alike are placed pods that no selector and no term tells apart, as the replicas of one Deployment are. Whoever counts pods
// all over the cluster compares one of them, and multiplies.
type Alike struct {
	*Pod // one of them
	// On is how many of them a node has. A node may have left: its Object is nil then.
	On map[*Node]int
}

// likeness is equal for pods that are alike.
func likeness(pod *v1.Pod) string {
	var b strings.Builder
	write := func(s string) {
		b.WriteString(s)
		b.WriteByte(0) // in no name, label or JSON text
	}
	write(pod.Namespace)
	if pod.DeletionTimestamp != nil {
		write("terminating")
	}
	for _, key := range slices.Sorted(maps.Keys(pod.Labels)) {
		write(key)
		write(pod.Labels[key])
	}
	if a := pod.Spec.Affinity; a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil) {
		text, err := json.Marshal([]any{a.PodAffinity, a.PodAntiAffinity})
		if err != nil {
			text = []byte(pod.UID) // then it is like no other
		}
		write(string(text))
	}
	return b.String()
}

// join counts a pod among those like it; leave is the reverse.
func (s *State) join(p *Pod, n *Node) {
	a := s.alike[p.likeness]
	if a == nil {
		a = &Alike{Pod: p, On: map[*Node]int{}}
		s.alike[p.likeness] = a
	}
	a.On[n]++
}

// leave takes a pod from those like it; the last one takes the entry along.
func (s *State) leave(p *Pod, n *Node) {
	a := s.alike[p.likeness]
	if a.On[n]--; a.On[n] == 0 {
		delete(a.On, n)
	}
	if len(a.On) == 0 {
		delete(s.alike, p.likeness)
	}
}

// Alike are the placed pods by their likeness.
func (s *State) Alike() map[string]*Alike { return s.alike }
