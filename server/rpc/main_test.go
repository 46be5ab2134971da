package rpc

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain finds goroutines that a test left (I5).
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
