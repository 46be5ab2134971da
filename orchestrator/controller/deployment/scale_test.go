package deployment

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// TestProportions scales a Deployment in the midst of a rolling update whose ReplicaSets were made for another size.
func TestProportions(t *testing.T) {
	for _, c := range []struct {
		from, to, surge int32
		sizes           []int32 // oldest first
		want            map[string]int32
	}{
		{from: 10, to: 10, surge: 3, sizes: []int32{8, 5}, want: map[string]int32{"s0": 8, "s1": 5}},
		{from: 10, to: 15, surge: 3, sizes: []int32{8, 5}, want: map[string]int32{"s0": 11, "s1": 7}},
		{from: 10, to: 20, surge: 0, sizes: []int32{5, 5}, want: map[string]int32{"s0": 10, "s1": 10}},
		{from: 10, to: 11, surge: 0, sizes: []int32{5, 5}, want: map[string]int32{"s0": 5, "s1": 6}},
		{from: 10, to: 9, surge: 0, sizes: []int32{5, 5}, want: map[string]int32{"s0": 4, "s1": 5}},
		{from: 10, to: 5, surge: 0, sizes: []int32{8, 2}, want: map[string]int32{"s0": 4, "s1": 1}},
		{from: 10, to: 0, surge: 3, sizes: []int32{8, 5}, want: map[string]int32{"s0": 0, "s1": 0}},
		{from: 0, to: 5, surge: 0, sizes: []int32{1, 1}, want: map[string]int32{"s0": 1, "s1": 4}},
	} {
		t.Run(fmt.Sprintf("%d to %d of %v", c.from, c.to, c.sizes), func(t *testing.T) {
			d := &apps.Deployment{Spec: apps.DeploymentSpec{Replicas: &c.to, Strategy: apps.DeploymentStrategy{
				RollingUpdate: &apps.RollingUpdateDeployment{
					MaxSurge: ptr.To(intstr.FromInt32(c.surge)), MaxUnavailable: ptr.To(intstr.FromInt32(1)),
				},
			}}}
			var sets []*apps.ReplicaSet
			for i, n := range c.sizes {
				sets = append(sets, &apps.ReplicaSet{
					ObjectMeta: metav1.ObjectMeta{
						Name: fmt.Sprintf("s%d", i), CreationTimestamp: metav1.Unix(int64(i), 0),
						Annotations: map[string]string{maxAnnotation: fmt.Sprint(c.from + c.surge)},
					},
					Spec: apps.ReplicaSetSpec{Replicas: ptr.To(n)},
				})
			}
			got := map[string]int32{}
			for i, n := range proportions(d, sets) {
				got[sets[i].Name] = n
			}
			require.Equal(t, c.want, got)
		})
	}
}
