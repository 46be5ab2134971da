package deployment

import (
	apps "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/petcd/petcd/orchestrator/controller"
)

// wanted is how many pods a Deployment shall have.
func wanted(d *apps.Deployment) int32 { return controller.Replicas(d.Spec.Replicas) }

// limits are how many pods a rolling update may have too many, and how many too few. Both are 0 for another strategy.
func limits(d *apps.Deployment) (surge, unavailable int32) {
	if d.Spec.Strategy.Type == apps.RecreateDeploymentStrategyType {
		return 0, 0
	}
	rolling := d.Spec.Strategy.RollingUpdate
	if rolling == nil {
		rolling = &apps.RollingUpdateDeployment{}
	}
	surge = share(rolling.MaxSurge, wanted(d), true)
	unavailable = share(rolling.MaxUnavailable, wanted(d), false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1 // both may be 0 by rounding; then nothing could move
	}
	return surge, min(unavailable, wanted(d))
}

// share is a number, or a percentage of the total. The default is the apiserver's; what cannot be read is 0.
func share(v *intstr.IntOrString, total int32, up bool) int32 {
	quarter := intstr.FromString("25%")
	n, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(v, quarter), int(total), up)
	if err != nil || n < 0 {
		return 0
	}
	return int32(n)
}
