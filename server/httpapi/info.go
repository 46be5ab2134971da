package httpapi

import (
	"errors"
	"os"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/petcd/petcd/server/version"
)

// registerInfo registers what dashboards read about the process: its versions,
// its feature gates and its file descriptors.
func registerInfo(o Options) error {
	serverVersion := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "etcd_server_version", Help: "Which version is running. 1 for 'server_version' label with current version."}, []string{"server_version"})
	serverVersion.WithLabelValues(version.Server).Set(1)
	goVersion := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "etcd_server_go_version", Help: "Which Go version server is running with. 1 for 'server_go_version' label with current version."}, []string{"server_go_version"})
	goVersion.WithLabelValues(runtime.Version()).Set(1)
	features := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "etcd_server_feature_enabled", Help: "Whether or not a feature is enabled. 1 is enabled, 0 is not."}, []string{"name", "stage"})
	o.FeatureGates.Each(func(name, stage string, enabled bool) {
		on := 0.0
		if enabled {
			on = 1
		}
		features.WithLabelValues(name, stage).Set(on)
	})
	return errors.Join(
		o.Registerer.Register(serverVersion),
		o.Registerer.Register(goVersion),
		o.Registerer.Register(features),
		o.Registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "os_fd_used", Help: "The number of used file descriptors."}, openFiles)),
		o.Registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "os_fd_limit", Help: "The file descriptor limit."}, openFilesMax)),
	)
}

// openFiles counts the process' file descriptors; 0 where /proc is not there.
func openFiles() float64 {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return float64(len(names) - 1) // dir itself
}
