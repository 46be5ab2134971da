package disruption

import (
	"fmt"
	"math"

	v1 "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
)

// needs is what a budget asks of its pods.
type needs struct{ expected, healthy int32 }

// need tells how many pods there should be, and how many of them must be healthy.
func (a *accountant) need(pdb *policy.PodDisruptionBudget, pods []*v1.Pod) (needs, error) {
	switch least, most := pdb.Spec.MinAvailable, pdb.Spec.MaxUnavailable; {
	case most != nil:
		expected, err := a.expected(pdb, pods)
		if err != nil {
			return needs{}, err
		}
		n, err := share(most, expected)
		if err != nil {
			return needs{}, fmt.Errorf("maxUnavailable: %w", err)
		}
		return needs{expected: expected, healthy: max(0, expected-n)}, nil
	case least != nil && least.Type == intstr.Int:
		return needs{expected: count(len(pods)), healthy: least.IntVal}, nil
	case least != nil:
		expected, err := a.expected(pdb, pods)
		if err != nil {
			return needs{}, err
		}
		n, err := share(least, expected)
		if err != nil {
			return needs{}, fmt.Errorf("minAvailable: %w", err)
		}
		return needs{expected: expected, healthy: n}, nil
	}
	return needs{}, nil
}

// share is a number, or a percentage of total, rounded up.
func share(of *intstr.IntOrString, total int32) (int32, error) {
	n, err := intstr.GetScaledValueFromIntOrPercent(of, int(total), true)
	if err != nil {
		return 0, err
	}
	return count(n), nil
}

// count is n, or the nearest number that a status can hold.
func count(n int) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

// expected sums up the scales of the controllers that the pods have.
func (a *accountant) expected(pdb *policy.PodDisruptionBudget, pods []*v1.Pod) (int32, error) {
	replicas := map[types.UID]int32{} // by controller
	unmanaged := false
	for _, p := range pods {
		ref := metav1.GetControllerOf(p)
		if ref == nil {
			unmanaged = true
			continue
		}
		if _, ok := replicas[ref.UID]; ok {
			continue
		}
		uid, n, err := a.scales.of(p.Namespace, ref)
		if err != nil {
			return 0, fmt.Errorf("found no controllers for pod %q: %w", p.Name, err)
		}
		// All ReplicaSets of a Deployment are one.
		if uid != ref.UID {
			replicas[ref.UID] = 0
		}
		replicas[uid] = n
	}
	if unmanaged {
		a.recorder.Eventf(pdb, v1.EventTypeWarning, "UnmanagedPods",
			"Pods selected by this PodDisruptionBudget (selector: %v) were found to be unmanaged. As a result, the status of the PDB cannot be "+
				"calculated correctly, which may result in undefined behavior. To account for these pods please set \".spec.minAvailable\" field "+
				"of the PDB to an integer value.", pdb.Spec.Selector)
	}
	var sum int
	for _, n := range replicas {
		sum += int(n)
	}
	return count(sum), nil
}

// groupOf is the API group of a reference's apiVersion. Whatever cannot be parsed is no group that we know.
func groupOf(apiVersion string) string {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return apiVersion
	}
	return gv.Group
}

// scales tells how many pods controllers want.
type scales struct {
	controllers  corelisters.ReplicationControllerLister
	deployments  appslisters.DeploymentLister
	replicaSets  appslisters.ReplicaSetLister
	statefulSets appslisters.StatefulSetLister
}

func newScales(env *controller.Env) scales {
	apps := env.Informers.Apps().V1()
	return scales{
		controllers: env.Informers.Core().V1().ReplicationControllers().Lister(),
		deployments: apps.Deployments().Lister(), replicaSets: apps.ReplicaSets().Lister(), statefulSets: apps.StatefulSets().Lister(),
	}
}

func scalesSynced(env *controller.Env) []cache.InformerSynced {
	apps := env.Informers.Apps().V1()
	return []cache.InformerSynced{
		env.Informers.Core().V1().ReplicationControllers().Informer().HasSynced,
		apps.Deployments().Informer().HasSynced, apps.ReplicaSets().Informer().HasSynced, apps.StatefulSets().Informer().HasSynced,
	}
}

// of returns how many pods the controller wants that a reference is to, and who that is: a Deployment speaks for its ReplicaSets.
func (s scales) of(namespace string, ref *metav1.OwnerReference) (types.UID, int32, error) {
	switch group, kind := groupOf(ref.APIVersion), ref.Kind; {
	case group == "" && kind == "ReplicationController":
		rc, err := s.controllers.ReplicationControllers(namespace).Get(ref.Name)
		if err != nil {
			return "", 0, err
		}
		return scaleOf(rc, rc.Spec.Replicas, ref)
	case group == "apps" && kind == "StatefulSet":
		ss, err := s.statefulSets.StatefulSets(namespace).Get(ref.Name)
		if err != nil {
			return "", 0, err
		}
		return scaleOf(ss, ss.Spec.Replicas, ref)
	case group == "apps" && kind == "ReplicaSet":
		rs, err := s.replicaSets.ReplicaSets(namespace).Get(ref.Name)
		if err != nil {
			return "", 0, err
		}
		above := metav1.GetControllerOf(rs)
		if above == nil || rs.UID != ref.UID || above.Kind != "Deployment" || groupOf(above.APIVersion) != "apps" {
			return scaleOf(rs, rs.Spec.Replicas, ref)
		}
		d, err := s.deployments.Deployments(namespace).Get(above.Name)
		if err != nil {
			return "", 0, err
		}
		return scaleOf(d, d.Spec.Replicas, above)
	}
	return "", 0, fmt.Errorf("%s %s/%s does not have a scale", ref.Kind, namespace, ref.Name)
}

func scaleOf(obj metav1.Object, replicas *int32, ref *metav1.OwnerReference) (types.UID, int32, error) {
	if obj.GetUID() != ref.UID {
		return "", 0, fmt.Errorf("%s %s/%s was replaced by another of its name", ref.Kind, obj.GetNamespace(), obj.GetName())
	}
	return ref.UID, ptr.Deref(replicas, 1), nil
}
