package storagecontract

import (
	"testing"

	"github.com/stretchr/testify/require"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
)

// data are fewer pods than upstream measures with, so that a run takes minutes; the spread over namespaces and nodes is the same.
func data() storagetesting.BenchmarkData { return storagetesting.PrepareBenchmarkData(10, 300, 100) }

// BenchmarkStoreWriteThroughput is writing while others list and watch.
func BenchmarkStoreWriteThroughput(b *testing.B) {
	storagetesting.RunBenchmarkWriteThroughput(b.Context(), b, newSubject(b, ""), data(), false, nil)
}

// BenchmarkStoreList is listing whole, by namespace and by node.
func BenchmarkStoreList(b *testing.B) {
	s, data := newSubject(b, ""), data()
	require.NoError(b, storagetesting.PrecreateBenchmarkPods(b.Context(), s, data))
	storagetesting.RunBenchmarkStoreList(b.Context(), b, s, data, false)
}

// BenchmarkStoreStats is counting.
func BenchmarkStoreStats(b *testing.B) {
	s := newSubject(b, "")
	require.NoError(b, storagetesting.PrecreateBenchmarkPods(b.Context(), s, data()))
	storagetesting.RunBenchmarkStoreStats(b.Context(), b, s)
}
