package controller_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

func TestEnded(t *testing.T) {
	for phase, want := range map[v1.PodPhase]bool{v1.PodPending: false, v1.PodRunning: false, v1.PodUnknown: false, "": false, v1.PodSucceeded: true, v1.PodFailed: true} {
		require.Equal(t, want, controller.Ended(&v1.Pod{Status: v1.PodStatus{Phase: phase}}), phase)
	}
}
