package eviction

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Signal is what a threshold is about, by its name in --eviction-hard.
type Signal string

// The signals that there are.
const (
	MemoryAvailable   Signal = "memory.available"
	NodeFsAvailable   Signal = "nodefs.available"
	NodeFsInodesFree  Signal = "nodefs.inodesFree"
	ImageFsAvailable  Signal = "imagefs.available"
	ImageFsInodesFree Signal = "imagefs.inodesFree"
	PIDAvailable      Signal = "pid.available"
)

// signals are all of them, in the order in which thresholds are looked at.
func signals() []Signal {
	return []Signal{MemoryAvailable, NodeFsAvailable, NodeFsInodesFree, ImageFsAvailable, ImageFsInodesFree, PIDAvailable}
}

// resource is what pods are told that there was too little of.
func (s Signal) resource() string {
	switch s {
	case MemoryAvailable:
		return string(v1.ResourceMemory)
	case PIDAvailable:
		return "pids"
	case NodeFsInodesFree, ImageFsInodesFree:
		return "inodes"
	}
	return string(v1.ResourceEphemeralStorage)
}

func (s Signal) onDisk() bool { return s.condition() == v1.NodeDiskPressure }

// condition is that of the node.
func (s Signal) condition() v1.NodeConditionType {
	switch s {
	case MemoryAvailable:
		return v1.NodeMemoryPressure
	case PIDAvailable:
		return v1.NodePIDPressure
	}
	return v1.NodeDiskPressure
}

// Threshold is how little of a resource may be left.
type Threshold struct {
	Signal   Signal
	Quantity int64   // bytes, inodes, processes; 0: Fraction counts
	Fraction float64 // of capacity, 0 to 1
}

// quantity is a threshold as a number.
func (t *Threshold) quantity(capacity int64) int64 {
	if t.Quantity > 0 {
		return t.Quantity
	}
	return int64(t.Fraction * float64(capacity))
}

// DefaultThresholds are upstream's.
func DefaultThresholds() []Threshold {
	return []Threshold{
		{Signal: MemoryAvailable, Quantity: 100 << 20},
		{Signal: NodeFsAvailable, Fraction: 0.10},
		{Signal: NodeFsInodesFree, Fraction: 0.05},
		{Signal: ImageFsAvailable, Fraction: 0.15},
		{Signal: ImageFsInodesFree, Fraction: 0.05},
	}
}

// ParseThresholds reads evictionHard: "memory.available" is "100Mi" or "10%". One of 0% or 100% is none.
func ParseThresholds(hard map[string]string) ([]Threshold, error) {
	for name := range hard {
		if !slices.Contains(signals(), Signal(name)) {
			return nil, fmt.Errorf("eviction: unsupported signal %q", name)
		}
	}
	thresholds := []Threshold{}
	for _, signal := range signals() {
		text, ok := hard[string(signal)]
		if !ok || text == "0%" || text == "100%" {
			continue
		}
		t := Threshold{Signal: signal}
		if number, ok := strings.CutSuffix(text, "%"); ok {
			percent, err := strconv.ParseFloat(number, 64)
			if err != nil || !(percent > 0 && percent < 100) {
				return nil, fmt.Errorf("eviction: threshold of %s: %q is no percentage", signal, text)
			}
			t.Fraction = percent / 100
		} else {
			quantity, err := resource.ParseQuantity(text)
			if err != nil {
				return nil, fmt.Errorf("eviction: threshold of %s: %w", signal, err)
			}
			if quantity.Sign() < 0 {
				return nil, fmt.Errorf("eviction: threshold of %s is negative: %s", signal, text)
			}
			t.Quantity = quantity.Value()
		}
		thresholds = append(thresholds, t)
	}
	return thresholds, nil
}
