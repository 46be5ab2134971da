package controller_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/petcd/petcd/orchestrator/controller"
)

func TestEvery(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	ended := make(chan struct{})
	go func() {
		controller.Every(clock, time.Minute, func(context.Context) { calls.Add(1) }).Run(ctx)
		close(ended)
	}()
	for n := range int32(3) {
		require.Eventually(t, clock.HasWaiters, 10*time.Second, time.Millisecond)
		require.Equal(t, n+1, calls.Load())
		clock.Step(59 * time.Second)
		require.True(t, clock.HasWaiters(), "not yet")
		clock.Step(time.Second)
	}
	cancel()
	<-ended
}
