package storagecontract

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/example"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
	"k8s.io/apiserver/pkg/features"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/etcd3"
	etcdfeature "k8s.io/apiserver/pkg/storage/feature"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/clustertest"
)

// resourcePrefix is below which the contract keeps its pods, and pods what they are called.
const resourcePrefix = "/pods/"

var pods = schema.GroupResource{Resource: "pods"}

// subject is an implementation of storage.Interface over a store of its own. What the contract changes or asks below the interface is
// in its methods.
type subject struct {
	storage.Interface
	prefix      string // of all keys in the store; some functions know it
	cached      bool   // the watch cache is between
	client      *kubernetes.Client
	requests    *storagetesting.KVRecorder
	lists       *storagetesting.KubernetesRecorder
	codec       *breakableCodec
	transformer *replaceable
}

// newSubject runs a store with the flags, and etcd3's implementation on it.
func newSubject(t testing.TB, prefix string, flags ...string) *subject {
	t.Helper()
	s := &subject{prefix: prefix, client: connect(t, flags...), codec: &breakableCodec{Codec: newCodec(t)}, transformer: newReplaceable()}
	s.lists = storagetesting.NewKubernetesRecorder(s.client.Kubernetes)
	s.requests = storagetesting.NewKVRecorder(s.client.KV, s.lists)
	s.client.KV, s.client.Kubernetes = s.requests, s.lists

	compactor := etcd3.NewCompactor(s.client.Client, 0, clock.RealClock{}, nil)
	t.Cleanup(compactor.Stop)
	leases := etcd3.NewDefaultLeaseManagerConfig()
	leases.ReuseDurationSeconds = 1 // an object that shall live a second shall not live as long as others that share its lease
	store, err := etcd3.New(s.client, compactor, s.codec, newPod, newPodList, prefix, resourcePrefix, pods, s.transformer, leases,
		etcd3.NewDefaultDecoder(s.codec, storage.APIObjectVersioner{}), storage.APIObjectVersioner{})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	s.Interface = store
	require.Eventually(t, func() bool {
		return etcdfeature.DefaultFeatureSupportChecker.Supports(storage.RequestWatchProgress)
	}, time.Minute, time.Millisecond, "the store's version must be one that reports progress on demand")
	return s
}

// connect starts a store and returns a client of it.
func connect(t testing.TB, flags ...string) *kubernetes.Client {
	t.Helper()
	store, url, err := clustertest.StartStore(t.TempDir(), program(t), append([]string{"--unsafe-no-fsync", "--log-level=warn"}, flags...)...)
	if store != nil {
		t.Cleanup(func() {
			if err := store.Kill(); err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(store.Log); t.Failed() && err == nil && len(text) > 0 {
				t.Logf("the store's log:\n%s", text)
			}
		})
	}
	require.NoError(t, err)
	client, err := kubernetes.New(clientv3.Config{Endpoints: []string{url}, DialTimeout: 20 * time.Second, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

// program is the store's.
func program(t testing.TB) string {
	t.Helper()
	path := os.Getenv("PETCD_STORE")
	if path == "" {
		dir := os.Getenv("PETCD_BIN_DIR")
		if dir == "" {
			dir = filepath.Join("..", "..", "bin")
		}
		path = filepath.Join(dir, "etcd")
	}
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s: `make build` builds it", path)
	}
	return path
}

func newPod() runtime.Object     { return &example.Pod{} }
func newPodList() runtime.Object { return &example.PodList{} }

// newCodec writes the contract's kinds as apiserver's example/v1.
func newCodec(t testing.TB) runtime.Codec {
	t.Helper()
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	require.NoError(t, example.AddToScheme(scheme))
	require.NoError(t, examplev1.AddToScheme(scheme))
	factory := serializer.NewCodecFactory(scheme)
	return factory.LegacyCodec(examplev1.SchemeGroupVersion)
}

// stored fails unless key holds a pod that has no version of its own: that is the store's to give.
func (s *subject) stored(ctx context.Context, t *testing.T, key string) {
	t.Helper()
	resp, err := s.client.KV.Get(ctx, s.prefix+key)
	require.NoError(t, err)
	require.Len(t, resp.Kvs, 1, key)
	object, err := runtime.Decode(s.codec, resp.Kvs[0].Value[len(mark):])
	require.NoError(t, err)
	pod, ok := object.(*example.Pod)
	require.True(t, ok, "%T", object)
	require.Empty(t, pod.ResourceVersion)
	require.Empty(t, pod.SelfLink) //nolint:staticcheck // that it isn't used is what is checked
}

// cost fails if a list looked at more or fewer than so many objects, or took more requests than pages that double in size need.
func (s *subject) cost(t *testing.T, limit, objects uint64) {
	t.Helper()
	if s.cached {
		return // the cache's own reads are counted too
	}
	require.Equal(t, objects, s.transformer.prefix().GetReadsAndReset(), "objects")
	requests, page := uint64(1), limit
	for read := page; limit != 0 && read < objects; read += page {
		page = min(2*page, 10000)
		requests++
	}
	require.Equal(t, requests, s.requests.GetReadsAndReset()+s.requests.GetStreamReadsAndReset(), "requests")
}

// keys are those of all pods.
func (s *subject) keys(ctx context.Context) ([]string, error) {
	resp, err := s.client.KV.Get(ctx, s.prefix+resourcePrefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, kv := range resp.Kvs {
		keys = append(keys, string(kv.Key))
	}
	return keys, nil
}

// increase adds a revision that has nothing to do with pods.
func (s *subject) increase(ctx context.Context, t *testing.T) int64 {
	t.Helper()
	resp, err := s.client.KV.Put(ctx, "unrelated", "")
	require.NoError(t, err)
	return resp.Header.Revision
}

// compact compacts to a version as an apiserver does, and waits until the subject has seen it.
func (s *subject) compact(ctx context.Context, t *testing.T, version string) {
	t.Helper()
	v, err := s.Versioner().ParseResourceVersion(version)
	require.NoError(t, err)
	to := int64(v)
	var compacted, clock int64
	for try := 0; compacted < to; try++ { // the first try finds out how often it was compacted before
		require.Less(t, try, 2)
		clock, _, compacted, err = etcd3.Compact(ctx, s.client.Client, clock, to)
		require.NoError(t, err)
	}
	if utilfeature.DefaultFeatureGate.Enabled(features.ListFromCacheSnapshot) { // else it doesn't look
		require.Eventually(t, func() bool { return s.CompactRevision() == to }, time.Minute, time.Millisecond)
	}
}
