package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/resource"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Options say where pods' cgroups are made and what limits they get.
type Options struct {
	Mount        string          // "" is /sys/fs/cgroup
	Parent       string          // cgroup below which kubepods is made; "" or "/": the root
	Capacity     v1.ResourceList // of the node
	NoCPUQuota   bool            // limits of CPU are not enforced (--cpu-cfs-quota=false)
	PodPidsLimit int64           // 0 or less: none
}

// Manager makes and removes the cgroups of pods and of their QoS classes.
type Manager struct {
	o Options
	hierarchy
	root string // kubepods, as a path from the root of a hierarchy
}

// hierarchy is a version of cgroups. Paths are from the root of a hierarchy, as in /proc/<pid>/cgroup.
type hierarchy interface {
	// ensure makes a cgroup, and those above it.
	ensure(path string) error
	// set writes limits.
	set(path string, l *limits) error
	// mounts are where a cgroup has a folder: in one place, or in as many as there are controllers.
	mounts() []string
}

// defaultMount is where every distribution has cgroups.
const defaultMount = "/sys/fs/cgroup"

// New finds out which cgroup version there is, and makes kubepods and the QoS classes' cgroups.
func New(o Options) (*Manager, error) {
	if o.Mount == "" {
		o.Mount = defaultMount
	}
	var st unix.Statfs_t
	if err := unix.Statfs(o.Mount, &st); err != nil {
		return nil, fmt.Errorf("cgroup: %s: %w", o.Mount, err)
	}
	m := &Manager{o: o, root: filepath.Join("/", o.Parent, "kubepods")}
	if st.Type == unix.CGROUP2_SUPER_MAGIC {
		m.hierarchy = &v2{o.Mount}
	} else {
		h, err := findV1(o.Mount)
		if err != nil {
			return nil, err
		}
		m.hierarchy = h
	}
	cpu := o.Capacity[v1.ResourceCPU]
	if err := m.make(m.root, &limits{cpuShares: shares(cpu.MilliValue())}); err != nil {
		return nil, err
	}
	return m, m.UpdateQoS(nil)
}

// make makes a cgroup with limits.
func (m *Manager) make(path string, l *limits) error {
	if err := m.ensure(path); err != nil {
		return fmt.Errorf("cgroup: make %s: %w", path, err)
	}
	if err := m.set(path, l); err != nil {
		return fmt.Errorf("cgroup: limits of %s: %w", path, err)
	}
	return nil
}

// classes are the folders of QoS classes below kubepods.
func classes() map[v1.PodQOSClass]string {
	return map[v1.PodQOSClass]string{v1.PodQOSGuaranteed: "", v1.PodQOSBurstable: "burstable", v1.PodQOSBestEffort: "besteffort"}
}

// EnsurePod makes the cgroup of a pod and sets its limits. What it returns is the CgroupParent for the pod's sandbox.
func (m *Manager) EnsurePod(pod *v1.Pod) (cgroupParent string, err error) {
	if err := checkUID(pod.UID); err != nil {
		return "", err
	}
	path := m.podPath(classes()[QoS(pod)], pod.UID)
	return path, m.make(path, podLimits(pod, &m.o))
}

// podPath is a pod's cgroup in the folder of a class.
func (m *Manager) podPath(class string, uid types.UID) string {
	return filepath.Join(m.root, class, podPrefix+string(uid))
}

// podPrefix begins the names of pods' cgroups.
const podPrefix = "pod"

// checkUID refuses what would lead out of kubepods.
func checkUID(uid types.UID) error {
	if uid == "" || strings.ContainsRune(string(uid), '/') {
		return fmt.Errorf("cgroup: pod UID %q is not the name of a folder", uid)
	}
	return nil
}

// UpdateQoS sets the CPU shares of the QoS classes by the pods that are there: of burstable ones what they ask for together, of those that
// ask for nothing the least there is.
func (m *Manager) UpdateQoS(pods []*v1.Pod) error {
	var milli int64
	for _, pod := range pods {
		if QoS(pod) == v1.PodQOSBurstable {
			requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
			milli += requests.Cpu().MilliValue()
		}
	}
	return errors.Join(
		m.make(filepath.Join(m.root, "burstable"), &limits{cpuShares: shares(milli)}),
		m.make(filepath.Join(m.root, "besteffort"), &limits{cpuShares: minShares}),
	)
}

// RemovePod kills what still runs in a pod's cgroup and removes it. A pod without one is no error.
func (m *Manager) RemovePod(uid types.UID) error {
	if err := checkUID(uid); err != nil {
		return err
	}
	var all []error
	for _, class := range classes() {
		all = append(all, m.remove(m.podPath(class, uid)))
	}
	return errors.Join(all...)
}

// Orphans are the pods that have a cgroup here and that keep doesn't know.
func (m *Manager) Orphans(keep func(types.UID) bool) ([]types.UID, error) {
	found := sets.New[types.UID]()
	for _, mount := range m.mounts() {
		for _, class := range classes() {
			entries, err := os.ReadDir(filepath.Join(mount, m.root, class))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("cgroup: pods: %w", err)
			}
			for _, e := range entries {
				if uid, ok := strings.CutPrefix(e.Name(), podPrefix); ok && e.IsDir() && uid != "" && !keep(types.UID(uid)) {
					found.Insert(types.UID(uid))
				}
			}
		}
	}
	return sets.List(found), nil
}

// RemoveAll kills everything that runs in kubepods and removes it: for a node that is reset.
func (m *Manager) RemoveAll() error { return m.remove(m.root) }

// Resources are a container's limits, as the runtime is told them.
func (m *Manager) Resources(pod *v1.Pod, container *v1.Container) *runtimeapi.LinuxContainerResources {
	r := Resources(pod, container, m.o.Capacity)
	if m.o.NoCPUQuota {
		r.CpuQuota, r.CpuPeriod = 0, 0
	}
	return r
}

// Processes is how many processes and threads a pod has; 0 if that isn't counted here.
func (m *Manager) Processes(pod *v1.Pod) int64 {
	if checkUID(pod.UID) != nil {
		return 0
	}
	for _, mount := range m.mounts() {
		data, err := os.ReadFile(filepath.Join(mount, m.podPath(classes()[QoS(pod)], pod.UID), "pids.current"))
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil {
			return n
		}
	}
	return 0
}
