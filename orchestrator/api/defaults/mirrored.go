package defaults

import (
	v1 "k8s.io/api/core/v1"
)

// Each function here does what is part of a conversion upstream: it makes two fields that mean the same agree.

// mergeStringData moves the texts of a Secret into its data, where they win. They are only ever written, never read back.
func mergeStringData(s *v1.Secret) {
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = map[string][]byte{}
	}
	for key, text := range s.StringData {
		s.Data[key] = []byte(text)
	}
	s.StringData = nil
}

// mirrorServiceAccount keeps the field's old name. The new one wins.
func mirrorServiceAccount(s *v1.PodSpec) {
	set(&s.ServiceAccountName, s.DeprecatedServiceAccount)
	s.DeprecatedServiceAccount = s.ServiceAccountName
}

// mirrorPodIPs makes a pod's address the first of its addresses. The single one wins: kubelets once set only that.
func mirrorPodIPs(s *v1.PodStatus) {
	switch {
	case s.PodIP == "" && len(s.PodIPs) > 0:
		s.PodIP = s.PodIPs[0].IP
	case s.PodIP != "" && (len(s.PodIPs) == 0 || s.PodIPs[0].IP != s.PodIP):
		s.PodIPs = []v1.PodIP{{IP: s.PodIP}}
	}
}

// mirrorPodCIDRs does the same for a node's range of pod addresses.
func mirrorPodCIDRs(s *v1.NodeSpec) {
	switch {
	case s.PodCIDR == "" && len(s.PodCIDRs) > 0:
		s.PodCIDR = s.PodCIDRs[0]
	case s.PodCIDR != "" && (len(s.PodCIDRs) == 0 || s.PodCIDRs[0] != s.PodCIDR):
		s.PodCIDRs = []string{s.PodCIDR}
	}
}

// nameKind says in a claim that is part of another object what it is.
func nameKind(c *v1.PersistentVolumeClaim) {
	set(&c.APIVersion, "v1")
	set(&c.Kind, "PersistentVolumeClaim")
}
