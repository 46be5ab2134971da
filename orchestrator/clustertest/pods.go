package clustertest

import (
	"context"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	coreinformers "k8s.io/client-go/informers/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// pods moves the pods of simulated nodes through their phases. A container ends that is told to echo, or
// whose last word is "true", "false" or "exit" with a number; all others run until their pod is deleted.
type pods struct {
	nodes  *Nodes
	lister corelisters.PodLister
	loop   *controller.Loop

	mu      sync.Mutex
	nextIP  netip.Addr
	counted bool // the addresses of an earlier run
}

func newPods(n *Nodes, informer coreinformers.PodInformer) *pods {
	p := &pods{nodes: n, lister: informer.Lister(), nextIP: netip.MustParseAddr("10.128.0.1")}
	p.loop = controller.NewLoop("simulated-kubelets", n.options.Workers, p.sync, informer.Informer().HasSynced)
	controller.On[*v1.Pod]{
		Add:    func(pod *v1.Pod) { p.look(pod) },
		Update: func(_, pod *v1.Pod) { p.look(pod) },
	}.Watch(informer.Informer())
	return p
}

// look queues a pod that has something to do.
func (p *pods) look(pod *v1.Pod) {
	if pod.Spec.NodeName != "" && (pod.DeletionTimestamp != nil || pod.Status.Phase == v1.PodPending || joined(pod)) {
		p.loop.Enqueue(pod)
	}
}

// lookAgain queues all pods of a node.
func (p *pods) lookAgain(node string) {
	all, err := p.lister.List(labels.Everything())
	if err != nil {
		return // a cache never fails
	}
	for _, pod := range all {
		if pod.Spec.NodeName == node {
			p.loop.Enqueue(pod)
		}
	}
}

// sync does what a kubelet would do for a pod next.
func (p *pods) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	pod, err := p.lister.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) || (err == nil && !p.nodes.lives(pod.Spec.NodeName)) {
		return nil
	}
	if err != nil {
		return err
	}
	switch pods := p.nodes.client.CoreV1().Pods(namespace); {
	case pod.DeletionTimestamp != nil:
		err = pods.Delete(ctx, name, metav1.DeleteOptions{
			GracePeriodSeconds: new(int64(0)), Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
		})
	case pod.Status.Phase == v1.PodPending:
		pod = pod.DeepCopy()
		p.begin(pod)
		_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	case joined(pod):
		pod = pod.DeepCopy()
		p.join(pod)
		_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	}
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // gone, or changed: the informer tells
	}
	return err
}

// begin sets the status of a pod whose containers have started, and have ended if that is what they do.
func (p *pods) begin(pod *v1.Pod) {
	now := metav1.Now()
	status := &pod.Status
	status.Phase, status.StartTime = v1.PodRunning, &now
	status.HostIP, status.HostIPs = "127.0.0.1", []v1.HostIP{{IP: "127.0.0.1"}}
	status.PodIP = p.address()
	status.PodIPs = []v1.PodIP{{IP: status.PodIP}}
	failed, ended := false, len(pod.Spec.Containers) > 0
	status.ContainerStatuses = nil
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		s, code, ends := p.container(pod, c, now)
		status.ContainerStatuses = append(status.ContainerStatuses, s)
		failed, ended = failed || code != 0, ended && ends
	}
	ready, reason := v1.ConditionTrue, ""
	switch {
	case ended && pod.Spec.RestartPolicy == v1.RestartPolicyAlways:
		// It would be started again and again; that is not simulated.
	case ended && failed:
		status.Phase, ready, reason = v1.PodFailed, v1.ConditionFalse, "PodFailed"
	case ended:
		status.Phase, ready, reason = v1.PodSucceeded, v1.ConditionFalse, "PodCompleted"
	}
	for _, typ := range []v1.PodConditionType{v1.PodReadyToStartContainers, v1.PodInitialized, v1.PodReady, v1.ContainersReady, v1.PodScheduled} {
		c := v1.PodCondition{Type: typ, Status: v1.ConditionTrue, LastTransitionTime: now}
		if typ == v1.PodReady || typ == v1.ContainersReady {
			c.Status, c.Reason = ready, reason
		}
		at := slices.IndexFunc(status.Conditions, func(have v1.PodCondition) bool { return have.Type == typ })
		if at < 0 {
			status.Conditions = append(status.Conditions, c)
		} else if status.Conditions[at].Status != c.Status {
			status.Conditions[at] = c
		}
	}
}

// container is the status of one container, and how it ended if it did.
func (p *pods) container(pod *v1.Pod, c *v1.Container, now metav1.Time) (s v1.ContainerStatus, code int32, ended bool) {
	id := fmt.Sprintf("simulated://%s/%s", pod.UID, c.Name)
	s = v1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: c.Image, ContainerID: id}
	if code, ended = endOf(append(slices.Clone(c.Command), c.Args...)); !ended {
		s.Ready, s.Started = true, new(true)
		s.State.Running = &v1.ContainerStateRunning{StartedAt: now}
		return s, 0, false
	}
	reason := "Completed"
	if code != 0 {
		reason = "Error"
	}
	s.Started = new(false)
	s.State.Terminated = &v1.ContainerStateTerminated{ExitCode: code, Reason: reason, StartedAt: now, FinishedAt: now, ContainerID: id}
	return s, code, true
}

// endOf tells how a container with such a command ends, and that it does.
func endOf(words []string) (code int32, ended bool) {
	if len(words) == 0 {
		return 0, false
	}
	if path.Base(words[0]) == "echo" {
		return 0, true
	}
	switch last := words[len(words)-1]; path.Base(last) {
	case "true":
		return 0, true
	case "false":
		return 1, true
	default:
		_, err := fmt.Sscanf(last, "exit %d", &code)
		return code, err == nil
	}
}

// address is one that no other pod has, those of an earlier run included.
func (p *pods) address() string {
	all, err := p.lister.List(labels.Everything())
	if err != nil {
		all = nil // a cache never fails
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.counted {
		for _, pod := range all {
			if ip, err := netip.ParseAddr(pod.Status.PodIP); err == nil && p.nextIP.Less(ip) {
				p.nextIP = ip
			}
		}
		p.counted = true
	}
	p.nextIP = p.nextIP.Next()
	return p.nextIP.String()
}
