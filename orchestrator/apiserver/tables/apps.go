package tables

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

// apps are the workloads that run on.
func apps() []printer {
	return []printer{deployments(), replicaSets(), statefulSets(), daemonSets(), controllerRevisions()}
}

// deployments count the ready pods of all revisions, and those of the newest.
func deployments() printer {
	status := appsv1.DeploymentStatus{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("Ready", text, "Number of the pod with ready state"),
		col("Up-to-date", text, status["updatedReplicas"]),
		col("Available", text, status["availableReplicas"]),
		ageColumn(),
		containersColumn(), imagesColumn(), wide("Selector", appsv1.DeploymentSpec{}.SwaggerDoc()["selector"]),
	}, func(d *appsv1.Deployment, at now) []any {
		names, images := containerCells(d.Spec.Template.Spec.Containers)
		return []any{
			d.Name, ratio(d.Status.ReadyReplicas, ptr.Deref(d.Spec.Replicas, 1)),
			int64(d.Status.UpdatedReplicas), int64(d.Status.AvailableReplicas), at.age(d),
			names, images, metav1.FormatLabelSelector(d.Spec.Selector),
		}
	})
}

// replicaSets count what is asked for, what is there, and what is ready.
func replicaSets() printer {
	spec, status := appsv1.ReplicaSetSpec{}.SwaggerDoc(), appsv1.ReplicaSetStatus{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("Desired", number, spec["replicas"]),
		col("Current", number, status["replicas"]),
		col("Ready", number, status["readyReplicas"]),
		ageColumn(),
		containersColumn(), imagesColumn(), wide("Selector", spec["selector"]),
	}, func(s *appsv1.ReplicaSet, at now) []any {
		names, images := containerCells(s.Spec.Template.Spec.Containers)
		return []any{
			s.Name, int64(ptr.Deref(s.Spec.Replicas, 1)), int64(s.Status.Replicas), int64(s.Status.ReadyReplicas), at.age(s),
			names, images, metav1.FormatLabelSelector(s.Spec.Selector),
		}
	})
}

// statefulSets show no selector, as upstream.
func statefulSets() printer {
	return printerOf(columns{
		nameColumn(), col("Ready", text, "Number of the pod with ready state"), ageColumn(), containersColumn(), imagesColumn(),
	}, func(s *appsv1.StatefulSet, at now) []any {
		names, images := containerCells(s.Spec.Template.Spec.Containers)
		return []any{s.Name, ratio(s.Status.ReadyReplicas, ptr.Deref(s.Spec.Replicas, 1)), at.age(s), names, images}
	})
}

// daemonSets count nodes where others count pods.
func daemonSets() printer {
	status := appsv1.DaemonSetStatus{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("Desired", number, status["desiredNumberScheduled"]),
		col("Current", number, status["currentNumberScheduled"]),
		col("Ready", number, status["numberReady"]),
		col("Up-to-date", number, status["updatedNumberScheduled"]),
		col("Available", number, status["numberAvailable"]),
		col("Node Selector", text, v1.PodSpec{}.SwaggerDoc()["nodeSelector"]),
		ageColumn(),
		containersColumn(), imagesColumn(), wide("Selector", appsv1.DaemonSetSpec{}.SwaggerDoc()["selector"]),
	}, func(d *appsv1.DaemonSet, at now) []any {
		names, images := containerCells(d.Spec.Template.Spec.Containers)
		return []any{
			d.Name, int64(d.Status.DesiredNumberScheduled), int64(d.Status.CurrentNumberScheduled), int64(d.Status.NumberReady),
			int64(d.Status.UpdatedNumberScheduled), int64(d.Status.NumberAvailable),
			labels.FormatLabels(d.Spec.Template.Spec.NodeSelector), at.age(d),
			names, images, metav1.FormatLabelSelector(d.Spec.Selector),
		}
	})
}

// controllerRevisions are the history of stateful sets and daemon sets.
func controllerRevisions() printer {
	return printerOf(columns{
		nameColumn(),
		col("Controller", text, "Controller of the object"),
		col("Revision", text, appsv1.ControllerRevision{}.SwaggerDoc()["revision"]),
		ageColumn(),
	}, func(r *appsv1.ControllerRevision, at now) []any {
		return []any{r.Name, controllerOf(r), r.Revision, at.age(r)}
	})
}

// controllerOf is "daemonset.apps/agent".
func controllerOf(obj metav1.Object) string {
	ref := metav1.GetControllerOfNoCopy(obj)
	if ref == nil {
		return none
	}
	kind := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind).GroupKind()
	return slashed(strings.ToLower(kind.String()), ref.Name)
}
