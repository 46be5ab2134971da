package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	nodeutil "k8s.io/component-helpers/node/util"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/kubelet/cgroup"
	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/environment"
	"github.com/petcd/petcd/orchestrator/kubelet/eviction"
	"github.com/petcd/petcd/orchestrator/kubelet/image"
	"github.com/petcd/petcd/orchestrator/kubelet/node"
	"github.com/petcd/petcd/orchestrator/kubelet/podworker"
	"github.com/petcd/petcd/orchestrator/kubelet/probe"
	"github.com/petcd/petcd/orchestrator/kubelet/source"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
	"github.com/petcd/petcd/orchestrator/kubelet/volume"
)

// folderMode is that of the kubelet's own folders.
const folderMode = 0o750

// kubelet is a running kubelet: its settings, what it talks to, and its parts.
type kubelet struct {
	o    *Options
	c    *Config
	name string // of the node
	ips  []net.IP

	runtime        internalapi.RuntimeService
	images         internalapi.ImageManagerService
	runtimeName    string
	runtimeVersion string
	config         *rest.Config         // nil: it stands alone
	client         kubernetes.Interface // nil: it stands alone
	factory        informers.SharedInformerFactory
	recorder       record.EventRecorder
	capacity       v1.ResourceList
	allocatable    v1.ResourceList
	reserve        node.Reserve

	health    *health
	cri       *cri.Node
	status    *status.Manager
	volumes   *volume.Manager
	cgroups   *cgroup.Manager
	probes    *probe.Manager
	workers   *podworker.Manager
	pods      *source.Set
	node      *node.Manager // nil: it stands alone
	eviction  *eviction.Manager
	collector *image.Collector

	group sync.WaitGroup
}

// Run runs a kubelet until ctx ends. Its pods go on.
func Run(ctx context.Context, o *Options) error {
	k := &kubelet{o: o, c: o.Config, health: newHealth()}
	ctx, cancel := context.WithCancel(ctx)
	defer k.group.Wait()
	defer cancel()
	for _, step := range []func(context.Context) error{
		k.prepare, k.serveHealth, k.authenticate, k.connect, k.measure, k.build, k.serve, k.start,
	} {
		if err := step(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) { // told to end before it was up
				return nil
			}
			return fmt.Errorf("kubelet: %w", err)
		}
	}
	<-ctx.Done()
	return nil
}

// prepare finds out what the node is called and makes the kubelet's folders.
func (k *kubelet) prepare(context.Context) error {
	name, err := nodeutil.GetHostname(k.o.HostnameOverride)
	if err != nil {
		return err
	}
	k.name = name
	given, _, err := nodeutil.ParseNodeIPArgument(k.o.NodeIP, "")
	if err != nil {
		return err
	}
	if k.ips, err = node.Addresses(given); err != nil {
		if k.o.Kubeconfig != "" {
			return err
		}
		k.ips = []net.IP{net.IPv4(127, 0, 0, 1)} // alone, nobody else has to reach it
	}
	if *k.c.FailSwapOn {
		if swaps, err := os.ReadFile("/proc/swaps"); err == nil && swapOn(string(swaps)) {
			return errors.New("running with swap on is not supported, please disable swap or set --fail-swap-on=false")
		}
	}
	for _, dir := range []string{k.o.RootDir, k.podsDir(), k.o.CertDir} {
		if err := os.MkdirAll(dir, folderMode); err != nil {
			return err
		}
	}
	return os.MkdirAll(k.c.PodLogsDir, 0o755)
}

func (k *kubelet) podsDir() string { return filepath.Join(k.o.RootDir, "pods") }

// measure finds out what the node has.
func (k *kubelet) measure(context.Context) error {
	var err error
	if k.capacity, err = node.Capacity(k.o.RootDir, k.c.MaxPods, k.c.PodsPerCore); err != nil {
		return err
	}
	k.reserve.EvictionHard = k.c.EvictionHard
	if k.reserve.System, err = quantities(k.c.SystemReserved); err != nil {
		return fmt.Errorf("systemReserved: %w", err)
	}
	if k.reserve.Kube, err = quantities(k.c.KubeReserved); err != nil {
		return fmt.Errorf("kubeReserved: %w", err)
	}
	k.allocatable, err = k.reserve.Allocatable(k.capacity)
	return err
}

// build makes the parts.
func (k *kubelet) build(ctx context.Context) error {
	k.events(ctx)
	k.status = status.NewManager(k.client)
	allocatable := func() v1.ResourceList { return k.allocatable }
	k.volumes = volume.New(volume.Options{Root: k.podsDir(), Client: k.client, NodeName: k.name, Allocatable: allocatable, Recorder: k.recorder})
	var err error
	if k.cgroups, err = cgroup.New(cgroup.Options{
		Parent: k.c.CgroupRoot, Capacity: k.capacity, NoCPUQuota: !*k.c.CPUCFSQuota, PodPidsLimit: *k.c.PodPidsLimit,
	}); err != nil {
		return err
	}
	k.probes = probe.New(probe.Options{Exec: k.exec, Status: k.status.Get, Recorder: k.recorder})
	env := environment.Options{Client: k.client, Allocatable: allocatable}
	if k.client != nil {
		k.factory = informers.NewSharedInformerFactory(k.client, 0)
		services := k.factory.Core().V1().Services()
		env.Services, env.Synced = services.Lister(), services.Informer().HasSynced
	}
	score, err := cri.LowestOOMScore()
	if err != nil {
		return err
	}
	var hostIPs []string
	for _, ip := range k.ips {
		hostIPs = append(hostIPs, ip.String())
	}
	maxBackOff := time.Duration(0)
	if m := k.c.CrashLoopBackOff.MaxContainerRestartPeriod; m != nil {
		maxBackOff = m.Duration
	}
	puller := image.PullerOptions{Images: k.limitPulls(), Client: k.client, Recorder: k.recorder, Serialize: *k.c.SerializeImagePulls}
	if n := k.c.MaxParallelImagePulls; n != nil && !puller.Serialize {
		puller.MaxParallel = int(*n)
	}
	k.cri = &cri.Node{
		Name: k.name, LogsDir: k.c.PodLogsDir, ClusterDNS: k.c.ClusterDNS, ClusterDomain: k.c.ClusterDomain, ResolvConf: *k.c.ResolverConfig,
		SeccompRoot: filepath.Join(k.o.RootDir, "seccomp"), SeccompDefault: *k.c.SeccompDefault, MinOOMScore: score,
	}
	k.workers = podworker.New(podworker.Options{
		Node:    k.cri,
		Runtime: k.runtime, Images: k.images, RuntimeName: k.runtimeName,
		Volumes: k.volumes, Environment: environment.New(env), Puller: image.NewPuller(puller), Cgroups: k.cgroups, Probes: k.probes,
		Status: k.status, Recorder: k.recorder, HostIPs: func() []string { return hostIPs }, Admit: k.admit,
		SyncPeriod: k.c.SyncFrequency.Duration, MaxBackOff: maxBackOff,
	})
	if k.client != nil {
		k.node = k.newNode()
	}
	k.pods = source.NewSet(k.name, k.client, func() *v1.Node { return k.node.Node() }, k.workers)
	return k.guards(ctx)
}

// newNode is the part that tells the apiserver of this node.
func (k *kubelet) newNode() *node.Manager {
	port := k.c.Port
	if !*k.c.EnableServer {
		port = 0
	}
	return node.New(node.Options{
		Client: k.client, Name: k.name, Register: *k.c.RegisterNode, Labels: k.o.NodeLabels, Taints: k.c.RegisterWithTaints,
		ProviderID: k.c.ProviderID, IPs: k.ips, Hostname: k.name, Port: port, Capacity: k.capacity, Reserve: k.reserve,
		MaxImages: int(*k.c.NodeStatusMaxImages), UpdateEvery: k.c.NodeStatusUpdateFrequency.Duration,
		ReportEvery: k.c.NodeStatusReportFrequency.Duration, LeaseFor: time.Duration(k.c.NodeLeaseDurationSeconds) * time.Second,
		RuntimeVersion: k.runtimeName + "://" + k.runtimeVersion, Images: k.images, Health: k.nodeHealth, Recorder: k.recorder,
	})
}

// guards makes the parts that keep the node from running full.
func (k *kubelet) guards(ctx context.Context) error {
	thresholds, err := eviction.ParseThresholds(k.c.EvictionHard)
	if err != nil {
		return fmt.Errorf("evictionHard: %w", err)
	}
	k.collector = image.NewCollector(image.CollectorOptions{
		Images: k.images, Runtime: k.runtime, PauseImage: k.pauseImage(ctx), High: int(*k.c.ImageGCHighThresholdPercent), Low: int(*k.c.ImageGCLowThresholdPercent),
		MinAge: k.c.ImageMinimumGCAge.Duration, MaxAge: k.c.ImageMaximumGCAge.Duration, Node: node.Reference(k.name), Recorder: k.recorder,
	})
	meter := &eviction.Meter{Runtime: k.runtime, EmptyDirs: k.volumes.EmptyDirs, Processes: k.cgroups.Processes, LogDir: k.logDir}
	observer := &eviction.NodeObserver{RootDir: k.o.RootDir, ImageDir: func(ctx context.Context) (string, error) { return image.Dir(ctx, k.images) }}
	k.eviction = eviction.New(eviction.Options{
		Thresholds: thresholds, TransitionPeriod: k.c.EvictionPressureTransitionPeriod.Duration, Observe: observer.Observe,
		Pods: k.workers.Active, Usage: meter.Usage, Evict: k.workers.Evict, ReclaimImages: k.collector.FreeAll,
		Changed: k.wakeNode, Node: node.Reference(k.name), Recorder: k.recorder,
	})
	return nil
}

// start sets all parts going.
func (k *kubelet) start(ctx context.Context) error {
	if err := k.workers.Start(ctx); err != nil {
		return err
	}
	var folder *source.Folder
	if k.c.StaticPodPath != "" {
		var err error
		if folder, err = source.NewFolder(k.c.StaticPodPath, k.name, k.c.FileCheckFrequency.Duration); err != nil {
			return err
		}
	}
	size, err := logSize(k.c.ContainerLogMaxSize)
	if err != nil {
		return err
	}
	rotator := &cri.Rotator{Runtime: k.runtime, MaxSize: size, MaxFiles: int(*k.c.ContainerLogMaxFiles)}
	observer := cri.NewObserver(k.runtime, k.workers.Wake)
	k.run(func() { k.workers.Run(ctx); k.probes.Stop() })
	k.run(func() { k.status.Run(ctx) })
	k.run(func() { k.watchRuntime(ctx) })
	k.run(func() { observer.Run(ctx, observePeriod, k.health.looked) })
	k.run(func() { k.housekeep(ctx) })
	k.run(func() { rotator.Run(ctx, k.c.ContainerLogMonitorInterval.Duration) })
	k.run(func() { k.collector.Run(ctx) })
	k.run(func() { k.eviction.Run(ctx) })
	if k.client != nil {
		if err := k.network(ctx); err != nil {
			return err
		}
		k.run(func() {
			if source.Await(ctx, "services", k.listServices) {
				k.factory.StartWithContext(ctx)
			}
		})
		k.run(func() { k.node.Run(ctx) })
	}
	failed := make(chan error, 1)
	k.run(func() { failed <- k.pods.Run(ctx, folder) })
	klog.FromContext(ctx).Info("Kubelet is up", "node", k.name, "runtime", k.runtimeName, "version", k.runtimeVersion, "standalone", k.client == nil)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		if err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// run has a part work; the kubelet ends when all have.
func (k *kubelet) run(part func()) { k.group.Go(part) }

const (
	// observePeriod is how often containers are looked at.
	observePeriod = time.Second
	// housekeepPeriod is how often the node is searched for what no pod owns.
	housekeepPeriod = 2 * time.Second
)

// housekeep ends and removes what no wanted pod owns.
func (k *kubelet) housekeep(ctx context.Context) {
	ticker := time.NewTicker(housekeepPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if k.pods.Complete() {
			k.workers.Housekeep(ctx)
		}
		if err := k.cgroups.UpdateQoS(k.workers.Active()); err != nil {
			klog.FromContext(ctx).V(2).Info("Cannot set the shares of QoS classes", "err", err)
		}
	}
}

// setPodCIDR tells the runtime the range of pods' addresses.
func (k *kubelet) setPodCIDR(ctx context.Context, cidrs []string) error {
	return k.runtime.UpdateRuntimeConfig(ctx, &runtimeapi.RuntimeConfig{NetworkConfig: &runtimeapi.NetworkConfig{PodCidr: strings.Join(cidrs, ",")}})
}
