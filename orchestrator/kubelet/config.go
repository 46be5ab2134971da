package kubelet

import (
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
)

// Config is the kubelet's configuration file, of kind KubeletConfiguration.
type Config = kubeletconfig.KubeletConfiguration

// NewConfig returns the defaults, which are upstream's.
func NewConfig() *Config {
	c := &Config{}
	setDefaults(c)
	return c
}

// LoadConfig reads a configuration file. Unknown fields are refused.
func LoadConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("kubelet configuration: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := kubeletconfig.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("kubelet configuration: %w", err)
	}
	object, _, err := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("kubelet configuration %s: %w", path, err)
	}
	c, is := object.(*Config)
	if !is {
		return nil, fmt.Errorf("kubelet configuration %s: it is a %T", path, object)
	}
	setDefaults(c)
	return c, nil
}

// setDefaults fills in what a file doesn't say. The figures are upstream's, documented with the configuration's type.
func setDefaults(c *Config) {
	set(&c.EnableServer, true)
	duration(&c.SyncFrequency, time.Minute)
	duration(&c.FileCheckFrequency, 20*time.Second)
	value(&c.Address, "0.0.0.0")
	value(&c.Port, 10250)
	value(&c.PodLogsDir, "/var/log/pods")
	set(&c.Authentication.Anonymous.Enabled, false)
	set(&c.Authentication.Webhook.Enabled, true)
	duration(&c.Authentication.Webhook.CacheTTL, 2*time.Minute)
	value(&c.Authorization.Mode, kubeletconfig.KubeletAuthorizationModeWebhook)
	duration(&c.Authorization.Webhook.CacheAuthorizedTTL, 5*time.Minute)
	duration(&c.Authorization.Webhook.CacheUnauthorizedTTL, 30*time.Second)
	set(&c.RegistryPullQPS, 5)
	value(&c.RegistryBurst, 10)
	set(&c.EventRecordQPS, 50)
	value(&c.EventBurst, 100)
	set(&c.HealthzPort, 10248)
	value(&c.HealthzBindAddress, "127.0.0.1")
	duration(&c.NodeStatusUpdateFrequency, 10*time.Second)
	duration(&c.NodeStatusReportFrequency, 5*time.Minute)
	value(&c.NodeLeaseDurationSeconds, 40)
	duration(&c.ImageMinimumGCAge, 2*time.Minute)
	set(&c.ImageGCHighThresholdPercent, 85)
	set(&c.ImageGCLowThresholdPercent, 80)
	duration(&c.RuntimeRequestTimeout, 2*time.Minute)
	value(&c.MaxPods, 110)
	set(&c.PodPidsLimit, -1)
	set(&c.ResolverConfig, "/etc/resolv.conf")
	set(&c.CPUCFSQuota, true)
	set(&c.CgroupsPerQOS, true)
	set(&c.NodeStatusMaxImages, 50)
	set(&c.KubeAPIQPS, 50)
	value(&c.KubeAPIBurst, 100)
	set(&c.SerializeImagePulls, true)
	if c.EvictionHard == nil {
		c.EvictionHard = map[string]string{
			"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%",
		}
	}
	duration(&c.EvictionPressureTransitionPeriod, 5*time.Minute)
	value(&c.ContainerLogMaxSize, "10Mi")
	set(&c.ContainerLogMaxFiles, 5)
	set(&c.ContainerLogMonitorInterval, metav1.Duration{Duration: 10 * time.Second})
	set(&c.RegisterNode, true)
	set(&c.FailSwapOn, true)
	set(&c.SeccompDefault, false)
	value(&c.ContainerRuntimeEndpoint, "unix:///run/containerd/containerd.sock")
	value(&c.VolumePluginDir, "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/")
}

func set[T any](field **T, v T) {
	if *field == nil {
		*field = &v
	}
}

func value[T comparable](field *T, v T) {
	var zero T
	if *field == zero {
		*field = v
	}
}

func duration(field *metav1.Duration, v time.Duration) { value(&field.Duration, v) }
