package deployment

import (
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

func TestLimits(t *testing.T) {
	rolling := func(surge, unavailable string) apps.DeploymentStrategy {
		return apps.DeploymentStrategy{Type: apps.RollingUpdateDeploymentStrategyType, RollingUpdate: &apps.RollingUpdateDeployment{
			MaxSurge: ptr.To(intstr.Parse(surge)), MaxUnavailable: ptr.To(intstr.Parse(unavailable)),
		}}
	}
	for name, c := range map[string]struct {
		replicas           int32
		strategy           apps.DeploymentStrategy
		surge, unavailable int32
	}{
		"percentages, surge rounded up, unavailable down": {10, rolling("25%", "25%"), 3, 2},
		"numbers":                {10, rolling("1", "4"), 1, 4},
		"no strategy":            {4, apps.DeploymentStrategy{}, 1, 1},
		"both round to nothing":  {3, rolling("0", "25%"), 0, 1},
		"no more than there are": {2, rolling("1", "5"), 1, 2},
		"none wanted":            {0, rolling("1", "1"), 1, 0},
		"nonsense":               {4, rolling("much", "-3"), 0, 1},
		"recreate":               {4, apps.DeploymentStrategy{Type: apps.RecreateDeploymentStrategyType}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			surge, unavailable := limits(&apps.Deployment{Spec: apps.DeploymentSpec{Replicas: &c.replicas, Strategy: c.strategy}})
			require.Equal(t, []int32{c.surge, c.unavailable}, []int32{surge, unavailable})
		})
	}
}
