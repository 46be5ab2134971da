package volume

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
)

// A pod that waits for the apiserver keeps no other from its volumes: the other may be the apiserver.
func TestPodsDoNotWaitForEachOther(t *testing.T) {
	w := newWorld(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	w.client.PrependReactor("get", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		close(asked)
		<-answer
		return false, nil, nil
	})
	slow := podOf(named("v", v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{}}))
	slowly := make(chan error, 1)
	go func() { slowly <- w.Setup(t.Context(), slow) }()
	<-asked
	others := make(chan error, 1)
	go func() {
		defer close(others)
		for i := range 50 {
			pod := podOf(named("v", v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/"}}))
			pod.UID = types.UID(fmt.Sprint("other-", i))
			if err := w.Setup(t.Context(), pod); err != nil {
				others <- err
			}
		}
	}()
	require.Eventually(t, func() bool {
		select {
		case err := <-others:
			return err == nil
		default:
			return false
		}
	}, 10*time.Second, time.Millisecond)
	close(answer)
	require.Error(t, <-slowly, "there is no such configMap")
}
