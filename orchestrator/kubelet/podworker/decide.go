package podworker

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

// plan is what a pod lacks to be as wanted.
type plan struct {
	over    bool // nothing of it will run again: all that does is to be stopped
	sandbox bool // it needs a new sandbox; what is left in old ones is stopped first
	attempt uint32
	kill    []killing
	start   []launch
}

// killing is a container that must end, and why.
type killing struct {
	container *cri.Container
	spec      *v1.Container
	message   string
}

// launch is a container to be started. Those of a plan are independent of each other.
type launch struct {
	spec   *v1.Container
	kind   string // of the list that it is in, as event references name it
	target string // ID of the container whose processes it joins
}

const (
	kindInit      = "initContainers"
	kindApp       = "containers"
	kindEphemeral = "ephemeralContainers"
)

// view is what decide looks at.
type view struct {
	pod       *v1.Pod
	state     *cri.Pod
	unhealthy map[string]string               // what probes say against containers, by ID
	started   func(container, id string) bool // its startup probe has succeeded
	sandbox   string                          // ID of the one that serves; "": none does
}

// decide compares a pod with what the runtime has of it.
func decide(v view) plan {
	serving := serves(v.pod, v.state)
	if serving != nil {
		v.sandbox = serving.ID
	}
	if v.over() {
		return plan{over: true}
	}
	p := plan{sandbox: serving == nil}
	for _, s := range v.state.Sandboxes {
		p.attempt = max(p.attempt, s.Attempt+1)
	}
	if v.initialize(&p) {
		for i := range v.pod.Spec.Containers {
			v.app(&p, &v.pod.Spec.Containers[i])
		}
	}
	for i := range v.pod.Spec.EphemeralContainers {
		v.ephemeral(&p, &v.pod.Spec.EphemeralContainers[i])
	}
	return p
}

// serves is the sandbox that the pod's containers can be in: the newest, if it is ready, alone, and has an address where the pod needs one.
func serves(pod *v1.Pod, state *cri.Pod) *cri.Sandbox {
	s := state.Sandbox()
	for i := 1; i < len(state.Sandboxes); i++ {
		if state.Sandboxes[i].Ready {
			return nil
		}
	}
	if s == nil || !s.Ready || (!pod.Spec.HostNetwork && len(s.IPs) == 0) {
		return nil
	}
	return s
}

// current is a container's latest attempt in the sandbox that serves.
func (v *view) current(name string) *cri.Container {
	if v.sandbox == "" {
		return nil
	}
	return v.state.Newest(name, v.sandbox)
}

// exitOf is how an attempt ended. One that ran in a sandbox that is gone counts as killed.
func (v *view) exitOf(c *cri.Container) (code int32, ended bool) {
	switch {
	case c.Exited():
		return c.ExitCode, true
	case c.State == runtimeapi.ContainerState_CONTAINER_CREATED:
		return 0, false
	case c.SandboxID != v.sandbox:
		return killedCode, true
	}
	return 0, false
}

// killedCode is the exit code of a killed process.
const killedCode = 137

// over says whether all app containers have ended for good, or an init container has failed for good.
func (v *view) over() bool {
	ran, done := false, true
	for i := range v.pod.Spec.Containers {
		spec := &v.pod.Spec.Containers[i]
		last := v.state.Newest(spec.Name, "")
		if last == nil {
			done = false
			continue
		}
		ran = true
		if code, ended := v.exitOf(last); !ended || status.Restarts(v.pod, spec, code) {
			done = false
		}
	}
	if done {
		return true
	}
	for i := range v.pod.Spec.InitContainers {
		spec := &v.pod.Spec.InitContainers[i]
		last := v.state.Newest(spec.Name, "")
		if ran || last == nil {
			continue
		}
		if code, ended := v.exitOf(last); ended && code != 0 && !status.RestartsInit(v.pod, spec, code) {
			return true
		}
	}
	return false
}

// initialize plans the init containers' part, and says whether the app containers may run.
func (v *view) initialize(p *plan) bool {
	initialized := false
	for i := range v.pod.Spec.Containers {
		initialized = initialized || v.current(v.pod.Spec.Containers[i].Name) != nil
	}
	for i := range v.pod.Spec.InitContainers {
		spec := &v.pod.Spec.InitContainers[i]
		switch {
		case status.Sidecar(spec):
			if up := v.run(p, spec, kindInit, true); !up && !initialized {
				return false
			}
		case initialized:
		default:
			if done := v.runOnce(p, spec); !done {
				return false
			}
		}
	}
	return true
}

// runOnce plans an init container that others wait for, and says whether it has succeeded.
func (v *view) runOnce(p *plan, spec *v1.Container) bool {
	c := v.current(spec.Name)
	switch {
	case c != nil && c.Running():
		return false
	case c != nil && c.Exited() && c.ExitCode == 0:
		return true
	case c != nil && !c.Exited():
		p.kill = append(p.kill, stale(c, spec))
	}
	p.start = append(p.start, launch{spec: spec, kind: kindInit})
	return false
}

// app plans an app container.
func (v *view) app(p *plan, spec *v1.Container) {
	last := v.state.Newest(spec.Name, "")
	if last != nil {
		if code, ended := v.exitOf(last); ended && !status.Restarts(v.pod, spec, code) {
			return
		}
	}
	v.run(p, spec, kindApp, status.Restarts(v.pod, spec, killedCode))
}

// run plans a container that is to be running, and says whether it is and has started. again is whether it may be replaced while it runs.
func (v *view) run(p *plan, spec *v1.Container, kind string, again bool) bool {
	c := v.current(spec.Name)
	switch {
	case c != nil && c.Running():
		message, unhealthy := v.unhealthy[c.ID]
		if c.Hash != "" && c.Hash != cri.Hash(spec) {
			message, unhealthy, again = fmt.Sprintf("Container %s definition changed", spec.Name), true, true
		}
		if !unhealthy {
			return v.started(spec.Name, c.ID)
		}
		if message = strings.TrimSuffix(message, restarted); again {
			message += restarted
		}
		p.kill = append(p.kill, killing{c, spec, message})
		if !again {
			return false
		}
	case c != nil && !c.Exited():
		p.kill = append(p.kill, stale(c, spec))
	}
	p.start = append(p.start, launch{spec: spec, kind: kind})
	return false
}

// restarted ends the message about a container that is killed and will run again.
const restarted = ", will be restarted"

// ephemeral plans an ephemeral container: it is started once.
func (v *view) ephemeral(p *plan, e *v1.EphemeralContainer) {
	if v.state.Newest(e.Name, "") != nil || v.sandbox == "" {
		return
	}
	spec := v1.Container(e.EphemeralContainerCommon)
	l := launch{spec: &spec, kind: kindEphemeral}
	if e.TargetContainerName != "" {
		target := v.current(e.TargetContainerName)
		if target == nil || !target.Running() {
			return // it has a target that may yet come
		}
		l.target = target.ID
	}
	p.start = append(p.start, l)
}

// stale is an attempt that was made and never started, or that the runtime has lost sight of.
func stale(c *cri.Container, spec *v1.Container) killing {
	return killing{c, spec, fmt.Sprintf("Container %s is in unknown state, try killing it before restart", spec.Name)}
}
