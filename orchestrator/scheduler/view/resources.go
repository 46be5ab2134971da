package view

import (
	v1 "k8s.io/api/core/v1"
)

// Resources are amounts of what nodes offer and pods ask for: milli-CPUs, bytes, and whatever else there is by its name.
type Resources struct {
	CPU, Memory, Storage int64
	Others               map[v1.ResourceName]int64
}

// resourcesOf reads a list. Pods are counted elsewhere.
func resourcesOf(list v1.ResourceList) Resources {
	var r Resources
	for name, q := range list {
		switch name {
		case v1.ResourceCPU:
			r.CPU = q.MilliValue()
		case v1.ResourceMemory:
			r.Memory = q.Value()
		case v1.ResourceEphemeralStorage:
			r.Storage = q.Value()
		case v1.ResourcePods:
		default:
			if r.Others == nil {
				r.Others = map[v1.ResourceName]int64{}
			}
			r.Others[name] = q.Value()
		}
	}
	return r
}

// add adds o, by times: 1 or -1.
func (r *Resources) add(o *Resources, by int64) {
	r.CPU += by * o.CPU
	r.Memory += by * o.Memory
	r.Storage += by * o.Storage
	for name, n := range o.Others {
		if r.Others == nil {
			r.Others = map[v1.ResourceName]int64{}
		}
		r.Others[name] += by * n
	}
}

// Zero tells that r asks for nothing.
func (r *Resources) Zero() bool {
	if r.CPU != 0 || r.Memory != 0 || r.Storage != 0 {
		return false
	}
	for _, n := range r.Others {
		if n != 0 {
			return false
		}
	}
	return true
}

// Less tells that r asks for less of something than o.
func (r *Resources) Less(o *Resources) bool {
	if r.CPU < o.CPU || r.Memory < o.Memory || r.Storage < o.Storage {
		return true
	}
	for name, n := range o.Others {
		if r.Others[name] < n {
			return true
		}
	}
	return false
}
