package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/images"
)

// web is the application's name, and that of its Service.
const web = "web"

// deployWeb runs the application and puts a Service before it.
func deployWeb(ctx context.Context, client kubernetes.Interface) (*v1.Service, error) {
	labels := map[string]string{"app": web}
	_, err := client.AppsV1().Deployments("default").Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: web, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](2), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: v1.PodSpec{Containers: []v1.Container{{
				Name: web, Image: images.Reference(images.DefaultAddress, web, "v1"),
				Args:  []string{"-drain=5s"}, // while proxies on busy machines learn that it ends
				Ports: []v1.ContainerPort{{ContainerPort: 8080}},
				ReadinessProbe: &v1.Probe{
					ProbeHandler:  v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}},
					PeriodSeconds: 1,
				},
			}}}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("up: deployment: %w", err)
	}
	service, err := client.CoreV1().Services("default").Create(ctx, &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: web, Labels: labels},
		Spec:       v1.ServiceSpec{Selector: labels, Ports: []v1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("up: service: %w", err)
	}
	return service, nil
}

// ready waits until all nodes are, their proxies are, and the application is.
func (c *Cluster) ready(ctx context.Context, client kubernetes.Interface) error {
	for {
		last := c.notReady(ctx, client)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("up: the cluster is not ready: %w", errors.Join(last, ctx.Err()))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// notReady is what is missing; nil for nothing.
func (c *Cluster) notReady(ctx context.Context, client kubernetes.Interface) error {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if want := len(c.nodes()); len(nodes.Items) < want {
		return fmt.Errorf("%d of %d nodes have joined", len(nodes.Items), want)
	}
	for i := range nodes.Items {
		if !isReady(&nodes.Items[i]) {
			return fmt.Errorf("node %s is not ready", nodes.Items[i].Name)
		}
	}
	proxies, err := client.AppsV1().DaemonSets("kube-system").Get(ctx, "kube-proxy", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if s := proxies.Status; s.DesiredNumberScheduled < int32(len(c.nodes())) || s.NumberReady < s.DesiredNumberScheduled {
		return fmt.Errorf("kube-proxy is ready on %d nodes", s.NumberReady)
	}
	deployments, err := client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, d := range deployments.Items {
		if d.Status.ReadyReplicas < ptr.Deref(d.Spec.Replicas, 1) {
			return fmt.Errorf("deployment %s has %d of %d replicas ready", d.Name, d.Status.ReadyReplicas, ptr.Deref(d.Spec.Replicas, 1))
		}
	}
	return nil
}

func isReady(n *v1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == v1.NodeReady {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}

// reachable waits until the Service answers from within a node.
func reachable(ctx context.Context, ns namespace, address string) error {
	for {
		err := reachableOnce(ctx, ns, address)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("up: the Service at %s does not answer: %w", address, errors.Join(err, ctx.Err()))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// reachableOnce asks the Service once, by a connection of its own.
func reachableOnce(ctx context.Context, ns namespace, address string) error {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return ns.dial(ctx, address) },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return fmt.Errorf("up: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}
