package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/clustertest"
)

// result is what one run measured. Times are seconds since the first deployment was created.
type result struct {
	Store     string             `json:"store"`
	Created   float64            `json:"all_created_s"`
	Scheduled float64            `json:"all_scheduled_s"`
	Running   float64            `json:"all_running_s"`
	PodsPerS  float64            `json:"scheduled_per_s"`
	Probes    map[string]latency `json:"probes"`
	Processes map[string]usage   `json:"processes"`
	StoreMiB  float64            `json:"store_disk_mib"`
}

// run measures one store.
func (s *settings) run(ctx context.Context, name, program string) (r *result, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "petcd-scale-")
	if err != nil {
		return nil, err
	}
	if !s.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	limits := []string{"--kube-api-qps=2000", "--kube-api-burst=2000"}
	c, err := clustertest.Start(ctx, clustertest.Options{Dir: dir, Bin: s.bin, Store: program, Controller: limits, Scheduler: limits})
	if c != nil {
		defer func() {
			if stop := c.Stop(); err == nil {
				err = stop
			}
		}()
	}
	if err != nil {
		return nil, err
	}
	config, err := c.Config()
	if err != nil {
		return nil, err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	load, end := context.WithCancel(ctx) // before the cluster ends, or all that watch would complain
	defer end()
	if err := s.registerNodes(load, client); err != nil {
		return nil, err
	}
	return s.measure(load, name, c, client)
}

func (s *settings) registerNodes(ctx context.Context, client kubernetes.Interface) error {
	var names []string
	for i := range s.nodes {
		names = append(names, fmt.Sprintf("node-%04d", i))
	}
	return clustertest.NewNodes(client, clustertest.NodeOptions{Names: names}).Run(ctx)
}

// measure creates the deployments and waits until all their pods run.
func (s *settings) measure(ctx context.Context, name string, c *clustertest.Cluster, client kubernetes.Interface) (*result, error) {
	watched := newProgress(ctx, client)
	before := usages(c)
	probes := startProbes(ctx, client)
	began := time.Now()
	for i := range s.sets {
		replicas := s.pods / s.sets
		if i < s.pods%s.sets {
			replicas++
		}
		if _, err := client.AppsV1().Deployments("default").Create(ctx, deployment(i, int32(replicas)), metav1.CreateOptions{}); err != nil {
			return nil, err
		}
	}
	r := &result{Store: name}
	for _, stage := range []struct {
		at    *float64
		count func(*progress) int
	}{{&r.Created, (*progress).created}, {&r.Scheduled, (*progress).scheduled}, {&r.Running, (*progress).running}} {
		for stage.count(watched) < s.pods {
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%s: %d created, %d scheduled, %d running: %w", name, watched.created(), watched.scheduled(), watched.running(), ctx.Err())
			}
			time.Sleep(20 * time.Millisecond)
		}
		*stage.at = time.Since(began).Seconds()
	}
	r.PodsPerS = float64(s.pods) / r.Scheduled
	r.Probes = probes.stop()
	r.Processes = since(before, usages(c))
	r.StoreMiB = diskMiB(c.File("store"))
	return r, nil
}

func deployment(i int, replicas int32) *appsv1.Deployment {
	name := fmt.Sprintf("load-%d", i)
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "c"}}},
			},
		},
	}
}

// progress counts pods by how far they are.
type progress struct{ store cache.Store }

func newProgress(ctx context.Context, client kubernetes.Interface) *progress {
	shared := informers.NewSharedInformerFactory(client, 0)
	p := &progress{shared.Core().V1().Pods().Informer().GetStore()}
	shared.Start(ctx.Done())
	shared.WaitForCacheSync(ctx.Done())
	return p
}

func (p *progress) count(is func(*v1.Pod) bool) (n int) {
	for _, obj := range p.store.List() {
		if is(obj.(*v1.Pod)) {
			n++
		}
	}
	return n
}

func (p *progress) created() int { return len(p.store.ListKeys()) }
func (p *progress) scheduled() int {
	return p.count(func(pod *v1.Pod) bool { return pod.Spec.NodeName != "" })
}
func (p *progress) running() int {
	return p.count(func(pod *v1.Pod) bool { return pod.Status.Phase == v1.PodRunning })
}
