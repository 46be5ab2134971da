package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFailuresAreRetriedSoonEnough(t *testing.T) {
	limiter := newLimiter()
	require.Less(t, limiter.When("k"), time.Second)
	var last time.Duration
	for range 40 {
		last = limiter.When("k")
	}
	require.Equal(t, time.Minute, last)
}
