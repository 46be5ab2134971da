package defaults

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// revisions is how many old versions of a workload are kept for a rollback.
const revisions int32 = 10

// replicationController selects by, and takes on, its template's labels, unless it says otherwise.
func replicationController(c *v1.ReplicationController) {
	if c.Spec.Template != nil {
		if labels := c.Spec.Template.Labels; len(labels) > 0 {
			if len(c.Spec.Selector) == 0 {
				c.Spec.Selector = maps.Clone(labels)
			}
			if len(c.Labels) == 0 {
				c.Labels = maps.Clone(labels)
			}
		}
		podSpec(&c.Spec.Template.Spec)
	}
	point(&c.Spec.Replicas, 1)
}

// replicaSet must say what it selects, other than a ReplicationController.
func replicaSet(s *appsv1.ReplicaSet) {
	point(&s.Spec.Replicas, 1)
	podSpec(&s.Spec.Template.Spec)
}

// deployment replaces a quarter of its pods at a time.
func deployment(d *appsv1.Deployment) {
	point(&d.Spec.Replicas, 1)
	point(&d.Spec.RevisionHistoryLimit, revisions)
	point(&d.Spec.ProgressDeadlineSeconds, 600)
	set(&d.Spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if d.Spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		point(&d.Spec.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		point(&d.Spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		point(&d.Spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
	podSpec(&d.Spec.Template.Spec)
}

// daemonSet replaces one pod at a time, and never runs two on a node.
func daemonSet(s *appsv1.DaemonSet) {
	point(&s.Spec.RevisionHistoryLimit, revisions)
	u := &s.Spec.UpdateStrategy
	set(&u.Type, appsv1.RollingUpdateDaemonSetStrategyType)
	if u.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		point(&u.RollingUpdate, appsv1.RollingUpdateDaemonSet{})
		point(&u.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
		point(&u.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	podSpec(&s.Spec.Template.Spec)
}

// statefulSet replaces one pod at a time, all of them, and keeps the claims when it goes.
func statefulSet(s *appsv1.StatefulSet) {
	point(&s.Spec.Replicas, 1)
	point(&s.Spec.RevisionHistoryLimit, revisions)
	set(&s.Spec.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	u := &s.Spec.UpdateStrategy
	set(&u.Type, appsv1.RollingUpdateStatefulSetStrategyType)
	if u.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		point(&u.RollingUpdate, appsv1.RollingUpdateStatefulSetStrategy{})
		point(&u.RollingUpdate.Partition, 0)
		point(&u.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
	}
	point(&s.Spec.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{})
	set(&s.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	set(&s.Spec.PersistentVolumeClaimRetentionPolicy.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	podSpec(&s.Spec.Template.Spec)
	for i := range s.Spec.VolumeClaimTemplates {
		nameKind(&s.Spec.VolumeClaimTemplates[i])
		persistentVolumeClaim(&s.Spec.VolumeClaimTemplates[i])
	}
}
