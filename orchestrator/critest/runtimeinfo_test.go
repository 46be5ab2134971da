package critest

import (
	"testing"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What a runtime says of itself.
var runtimeCases = []testCase{
	{"Version", func(t *testing.T, s *suite) {
		v, err := s.rs.Version(s.ctx(t), &runtimeapi.VersionRequest{Version: "v1"})
		require.NoError(t, err)
		require.NotEmpty(t, v.Version)
		require.NotEmpty(t, v.RuntimeName)
		require.NotEmpty(t, v.RuntimeVersion)
		require.Equal(t, "v1", v.RuntimeApiVersion)
	}},
	{"StatusIsReady", func(t *testing.T, s *suite) {
		conditions := map[string]bool{}
		until(t, "runtime and network are ready", func() bool {
			r, err := s.rs.Status(s.ctx(t), &runtimeapi.StatusRequest{})
			require.NoError(t, err)
			for _, c := range r.Status.Conditions {
				conditions[c.Type] = c.Status
			}
			return conditions[runtimeapi.RuntimeReady] && conditions[runtimeapi.NetworkReady]
		})
	}},
	{"VerboseStatusHasInfo", func(t *testing.T, s *suite) {
		r, err := s.rs.Status(s.ctx(t), &runtimeapi.StatusRequest{Verbose: true})
		require.NoError(t, err)
		require.NotEmpty(t, r.Info)
	}},
	{"TakesTheNodesPodRange", func(t *testing.T, s *suite) {
		cidr := containerdRange
		if s.runtime.Name() == embeddedName {
			cidr = embeddedRange
		}
		_, err := s.rs.UpdateRuntimeConfig(s.ctx(t), &runtimeapi.UpdateRuntimeConfigRequest{
			RuntimeConfig: &runtimeapi.RuntimeConfig{NetworkConfig: &runtimeapi.NetworkConfig{PodCidr: cidr}},
		})
		require.NoError(t, err)
	}},
	{"TellsItsCgroupDriver", func(t *testing.T, s *suite) {
		s.differs(t, containerdName, "1.6 is older than RuntimeConfig")
		r, err := s.rs.RuntimeConfig(s.ctx(t), &runtimeapi.RuntimeConfigRequest{})
		require.NoError(t, err)
		require.Equal(t, runtimeapi.CgroupDriver_CGROUPFS, r.Linux.CgroupDriver)
	}},
}
