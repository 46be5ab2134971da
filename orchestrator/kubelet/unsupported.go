package kubelet

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
)

// refused are settings by which pods would run otherwise than this kubelet can make them.
func refused(c *Config) []error {
	var errs []error
	refuse := func(is bool, field, why string) {
		if is {
			errs = append(errs, fmt.Errorf("%s: %s", field, why))
		}
	}
	refuse(c.CgroupDriver != "" && c.CgroupDriver != "cgroupfs", "cgroupDriver", "only cgroupfs is supported")
	refuse(!ptr.Deref(c.CgroupsPerQOS, true), "cgroupsPerQOS", "false isn't supported")
	refuse(c.CPUManagerPolicy != "" && c.CPUManagerPolicy != "none", "cpuManagerPolicy", "only none is supported")
	refuse(c.MemoryManagerPolicy != "" && c.MemoryManagerPolicy != "None", "memoryManagerPolicy", "only None is supported")
	refuse(c.TopologyManagerPolicy != "" && c.TopologyManagerPolicy != "none", "topologyManagerPolicy", "only none is supported")
	refuse(c.MemorySwap.SwapBehavior != "" && c.MemorySwap.SwapBehavior != "NoSwap", "memorySwap", "only NoSwap is supported")
	refuse(len(c.EvictionSoft) > 0, "evictionSoft", "soft thresholds aren't supported")
	refuse(c.StaticPodURL != "", "staticPodURL", "manifests from a URL aren't supported")
	refuse(c.ServerTLSBootstrap, "serverTLSBootstrap", "serving certificates by request aren't supported; one is made in --cert-dir")
	refuse(c.ReservedSystemCPUs != "", "reservedSystemCPUs", "not supported; systemReserved is")
	refuse(len(c.DefaultPodSysctls) > 0, "defaultPodSysctls", "not supported")
	refuse(slices.ContainsFunc(c.EnforceNodeAllocatable, func(s string) bool { return s != "pods" && s != "none" }), "enforceNodeAllocatable",
		"cgroups of system and kube reserves aren't enforced")
	refuse(c.RunOnce, "runOnce", "not supported")
	return errs
}

// warnings are settings without an effect here, that change nothing in how pods run.
func warnings(c *Config) []string {
	var out []string
	warn := func(is bool, field, why string) {
		if is {
			out = append(out, field+" has no effect: "+why)
		}
	}
	warn(c.ShutdownGracePeriod.Duration > 0 || len(c.ShutdownGracePeriodByPodPriority) > 0, "shutdownGracePeriod", "the kubelet can't hold up a shutdown without systemd")
	warn(c.Tracing != nil, "tracing", "there is none")
	warn(len(c.FeatureGates) > 0, "featureGates", "there are none")
	warn(c.ProtectKernelDefaults, "protectKernelDefaults", "kernel settings aren't looked at")
	warn(c.KernelMemcgNotification, "kernelMemcgNotification", "memory is looked at in intervals")
	warn(len(c.ReservedMemory) > 0, "reservedMemory", "there is no memory manager")
	warn(len(c.QOSReserved) > 0, "qosReserved", "nothing is reserved for a class")
	warn(c.MaxParallelImagePulls != nil && ptr.Deref(c.SerializeImagePulls, true), "maxParallelImagePulls", "serializeImagePulls is true")
	return out
}

// swapOn says whether the machine has swap, by what /proc/swaps holds.
func swapOn(swaps string) bool {
	return strings.Count(strings.TrimSpace(swaps), "\n") > 0
}
