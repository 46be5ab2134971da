package dns

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Index is what exists in the cluster, by the keys by which it is asked for. Names in it are lower-case.
type Index struct {
	mu         sync.RWMutex
	namespaces map[string]bool
	services   map[serviceKey]*service
	pointers   map[netip.Addr]map[string]bool // the names of addresses, relative to "svc" of the zone
	serial     uint32                         // counts the changes
}

type serviceKey struct{ namespace, name string }

// NewIndex returns an empty one. serial is where it begins to count its changes; it should be more than it has ever been before.
func NewIndex(serial uint32) *Index {
	return &Index{
		namespaces: map[string]bool{}, services: map[serviceKey]*service{}, pointers: map[netip.Addr]map[string]bool{}, serial: serial,
	}
}

// setNamespace notes whether a namespace exists.
func (x *Index) setNamespace(name string, exists bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if exists == x.namespaces[name] {
		return
	}
	x.serial++
	if exists {
		x.namespaces[name] = true
	} else {
		delete(x.namespaces, name)
	}
}

// setService replaces what is said about a Service; nil for nothing.
func (x *Index) setService(key serviceKey, is *service) {
	x.mu.Lock()
	defer x.mu.Unlock()
	was := x.services[key]
	if was == nil && is == nil {
		return
	}
	x.serial++
	suffix := key.name + "." + key.namespace + "."
	if was != nil {
		for ip, names := range was.pointers() {
			for _, n := range names {
				delete(x.pointers[ip], n+suffix)
			}
			if len(x.pointers[ip]) == 0 {
				delete(x.pointers, ip)
			}
		}
	}
	if is == nil {
		delete(x.services, key)
		return
	}
	x.services[key] = is
	for ip, names := range is.pointers() {
		for _, n := range names {
			if x.pointers[ip] == nil {
				x.pointers[ip] = map[string]bool{}
			}
			x.pointers[ip][n+suffix] = true
		}
	}
}

func (x *Index) service(namespace, name string) *service {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.services[serviceKey{namespace, name}]
}

func (x *Index) hasNamespace(name string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.namespaces[strings.ToLower(name)]
}

// namesOf are the names that an address has, in order.
func (x *Index) namesOf(ip netip.Addr) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Sorted(maps.Keys(x.pointers[ip]))
}

func (x *Index) version() uint32 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.serial
}
