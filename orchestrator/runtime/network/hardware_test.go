package network

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHardwareAddressFollowsFromTheAddress(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.244.1.7"), netip.MustParseAddr("fd00::7")
	require.Equal(t, "0a:58:0a:f4:01:07", hardwareAddress([]netip.Addr{v6, v4}).String())
	require.Nil(t, hardwareAddress([]netip.Addr{v6}), "the kernel chooses")
}
