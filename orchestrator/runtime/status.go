package runtime

import (
	"context"
	"encoding/json"
	"strings"

	"k8s.io/component-base/version"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The runtime's name, and the version of CRI.
const (
	runtimeName = "petcd-cri"
	apiVersion  = "v1"
)

// Version says which runtime this is.
func (s *Server) Version(context.Context, *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{
		Version: "0.1.0", RuntimeName: runtimeName, RuntimeVersion: strings.TrimPrefix(version.Get().GitVersion, "v"), RuntimeApiVersion: apiVersion,
	}, nil
}

// Status says whether pods can run, and what is missing if not.
func (s *Server) Status(_ context.Context, r *runtimeapi.StatusRequest) (*runtimeapi.StatusResponse, error) {
	ready := &runtimeapi.RuntimeCondition{Type: runtimeapi.RuntimeReady, Status: true}
	if len(s.missing) > 0 {
		ready.Status, ready.Reason, ready.Message = false, "RequirementsMissing", "missing: "+strings.Join(s.missing, "; ")
	}
	net := &runtimeapi.RuntimeCondition{Type: runtimeapi.NetworkReady, Status: true}
	if s.options.Network && len(s.missing) == 0 {
		if err := s.network.Ready(); err != nil {
			net.Status, net.Reason, net.Message = false, "NetworkPluginNotReady", err.Error()
		}
	}
	answer := &runtimeapi.StatusResponse{
		Status:          &runtimeapi.RuntimeStatus{Conditions: []*runtimeapi.RuntimeCondition{ready, net}},
		RuntimeHandlers: []*runtimeapi.RuntimeHandler{{Features: &runtimeapi.RuntimeHandlerFeatures{RecursiveReadOnlyMounts: true}}},
		Features:        &runtimeapi.RuntimeFeatures{SupplementalGroupsPolicy: true},
	}
	if r.GetVerbose() {
		config, err := json.Marshal(s.options)
		if err != nil {
			return nil, fail(err)
		}
		answer.Info = map[string]string{"config": string(config)}
	}
	return answer, nil
}

// UpdateRuntimeConfig is told the addresses of this node's pods.
func (s *Server) UpdateRuntimeConfig(_ context.Context, r *runtimeapi.UpdateRuntimeConfigRequest) (*runtimeapi.UpdateRuntimeConfigResponse, error) {
	cidr := r.GetRuntimeConfig().GetNetworkConfig().GetPodCidr()
	if cidr != "" && s.options.Network && len(s.missing) == 0 {
		if err := s.network.SetRanges(cidr); err != nil {
			return nil, fail(err)
		}
	}
	return &runtimeapi.UpdateRuntimeConfigResponse{}, nil
}

// RuntimeConfig says how cgroups are named.
func (s *Server) RuntimeConfig(context.Context, *runtimeapi.RuntimeConfigRequest) (*runtimeapi.RuntimeConfigResponse, error) {
	return &runtimeapi.RuntimeConfigResponse{Linux: &runtimeapi.LinuxRuntimeConfiguration{CgroupDriver: runtimeapi.CgroupDriver_CGROUPFS}}, nil
}
