package kubelet

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
)

// configFile writes a configuration.
func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"+text), 0o600))
	return path
}

func TestFlagsCountMoreThanTheFile(t *testing.T) {
	file := configFile(t, "maxPods: 5\nport: 1\nclusterDNS: [10.0.0.1]\nserializeImagePulls: false\nsyncFrequency: 3s\n")
	o, err := parse([]string{"--config", file, "--port=2", "--cluster-dns=10.0.0.2", "--node-labels=a=b,c=d", "--register-with-taints=k=v:NoSchedule,x:NoExecute", "-v=3"})
	require.NoError(t, err)
	require.NoError(t, o.Validate())
	require.EqualValues(t, 5, o.Config.MaxPods)
	require.EqualValues(t, 2, o.Config.Port)
	require.Equal(t, []string{"10.0.0.2"}, o.Config.ClusterDNS)
	require.False(t, *o.Config.SerializeImagePulls)
	require.Equal(t, 3*time.Second, o.Config.SyncFrequency.Duration)
	require.Equal(t, map[string]string{"a": "b", "c": "d"}, o.NodeLabels)
	require.Equal(t, []v1.Taint{{Key: "k", Value: "v", Effect: v1.TaintEffectNoSchedule}, {Key: "x", Effect: v1.TaintEffectNoExecute}}, o.Config.RegisterWithTaints)
	require.EqualValues(t, 10248, *o.Config.HealthzPort, "what nobody says is upstream's default")
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	for text, says := range map[string]string{
		"maxPodz: 5\n":                            "maxPodz",
		"cgroupDriver: systemd\n":                 "cgroupDriver",
		"cpuManagerPolicy: static\n":              "cpuManagerPolicy",
		"staticPodPath: here\n":                   "staticPodPath",
		"clusterDNS: [dns]\n":                     "clusterDNS",
		"containerLogMaxFiles: 1\n":               "containerLogMaxFiles",
		"evictionSoft: {memory.available: 1Gi}\n": "evictionSoft",
		"authorization: {mode: Maybe}\n":          "Maybe",
		"tlsCertFile: x\n":                        "tlsPrivateKeyFile",
		"containerLogMaxSize: much\n":             "containerLogMaxSize",
		"imageGCHighThresholdPercent: 50\n":       "imageGCLowThresholdPercent",
		"memorySwap: {swapBehavior: LimitedSwap}": "memorySwap",
		"enforceNodeAllocatable: [kube-reserved]": "enforceNodeAllocatable",
		"kind: Pod\n":                             "kind",
		"nodeLeaseDurationSeconds: -1\n":          "nodeLeaseDurationSeconds",
		"maxPods: -1\n":                           "maxPods",
		"topologyManagerPolicy: best-effort\n":    "topologyManagerPolicy",
		"serverTLSBootstrap: true\n":              "serverTLSBootstrap",
	} {
		o, err := parse([]string{"--config", configFile(t, text)})
		if err == nil {
			err = o.Validate()
		}
		require.ErrorContains(t, err, says, text)
	}
	for _, flags := range [][]string{
		{"--bootstrap-kubeconfig=x"}, {"--root-dir=here"}, {"--hostname-override=a_b"}, {"--node-ip=x"}, {"--node-labels=a b=c"},
	} {
		o, err := parse(flags)
		require.NoError(t, err)
		require.Error(t, o.Validate(), flags)
	}
	for _, flags := range [][]string{{"--register-with-taints=k=v"}, {"--no-such-flag"}, {"argument"}, {"--config=/not/there"}} {
		_, err := parse(flags)
		require.Error(t, err, flags)
	}
	c := NewConfig()
	require.Empty(t, warnings(c))
	c.ShutdownGracePeriod.Duration = time.Second
	require.Len(t, warnings(c), 1)
}

func TestTaintsAreWrittenAsTheyAreRead(t *testing.T) {
	var list []v1.Taint
	flag := &taints{&list}
	require.NoError(t, flag.Set("a=b:NoSchedule,c:NoExecute"))
	require.Equal(t, "a=b:NoSchedule,c:NoExecute", flag.String())
}

func TestSwap(t *testing.T) {
	require.False(t, swapOn("Filename\tType\tSize\tUsed\tPriority\n"))
	require.True(t, swapOn("Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1 0 -2\n"))
}
