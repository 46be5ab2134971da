package storagecontract

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/features"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/etcd3"
	etcdfeature "k8s.io/apiserver/pkg/storage/feature"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
)

// contract is one function of upstream's, and what it is run with.
type contract struct {
	name string
	run  func(t *testing.T, s *subject)

	on    featuregate.Feature // a feature that it needs
	off   featuregate.Feature // one that it doesn't stand
	vary  featuregate.Feature // one without and with which it is run on etcd3's store
	flags []string            // of the store's program
	alone bool                // it can't wait for others, or sets features itself

	varyCached    featuregate.Feature // as vary, on the watch cache
	notStore      string              // why it isn't run on etcd3's store
	notCached     string              // why it isn't run on the watch cache
	clusterScoped bool                // the cache's keys are without namespaces
	settled       bool                // the cache must have seen what was created
}

// progress is how often the store tells watchers unasked how far it is, in place of every ten minutes.
const progress = "--watch-progress-notify-interval=1s"

// unreadableBelow is why functions that make what is stored unreadable are not run on the watch cache, here as upstream.
const unreadableBelow = "the cache reads through the transformer that the function breaks: " +
	"it answers from what it read before, or lists and watches anew without end"

// contracts are all of upstream's functions.
var contracts = []contract{
	{name: "Create", run: func(t *testing.T, s *subject) { storagetesting.RunTestCreate(t.Context(), t, s, s.stored) }},
	{name: "CreateWithTTL", run: plain(storagetesting.RunTestCreateWithTTL)},
	{name: "CreateWithKeyExist", run: plain(storagetesting.RunTestCreateWithKeyExist)},
	{name: "Get", alone: true, run: plain(storagetesting.RunTestGet)}, // what it gets lives a second
	{name: "UnconditionalDelete", run: plain(storagetesting.RunTestUnconditionalDelete)},
	{name: "ConditionalDelete", run: plain(storagetesting.RunTestConditionalDelete)},
	{name: "DeleteWithSuggestion", run: plain(storagetesting.RunTestDeleteWithSuggestion)},
	{name: "DeleteWithSuggestionAndConflict", run: plain(storagetesting.RunTestDeleteWithSuggestionAndConflict)},
	{name: "DeleteWithConflict", run: plain(storagetesting.RunTestDeleteWithConflict)},
	{name: "DeleteWithSuggestionOfDeletedObject", run: plain(storagetesting.RunTestDeleteWithSuggestionOfDeletedObject)},
	{name: "ValidateDeletionWithSuggestion", run: plain(storagetesting.RunTestValidateDeletionWithSuggestion)},
	{name: "ValidateDeletionWithOnlySuggestionValid", run: plain(storagetesting.RunTestValidateDeletionWithOnlySuggestionValid)},
	{name: "PreconditionalDeleteWithSuggestion", run: plain(storagetesting.RunTestPreconditionalDeleteWithSuggestion)},
	{name: "PreconditionalDeleteWithOnlySuggestionPass", run: plain(storagetesting.RunTestPreconditionalDeleteWithOnlySuggestionPass)},
	{name: "DeleteWithConflictAndMissingExpectedTransformOrDecodeError/transform", on: features.AllowUnsafeMalformedObjectDeletion,
		run: failing(storagetesting.RunTestDeleteWithConflictAndMissingExpectedTransformOrDecodeError, (*subject).breakTransformer)},
	{name: "DeleteWithConflictAndMissingExpectedTransformOrDecodeError/decode", on: features.AllowUnsafeMalformedObjectDeletion,
		run: failing(storagetesting.RunTestDeleteWithConflictAndMissingExpectedTransformOrDecodeError, (*subject).breakCodec)},
	{name: "DeleteExpectedTransformOrDecodeError/transform", on: features.AllowUnsafeMalformedObjectDeletion,
		run: failing(storagetesting.RunTestDeleteExpectedTransformOrDecodeError, (*subject).breakTransformer)},
	{name: "DeleteExpectedTransformOrDecodeError/decode", on: features.AllowUnsafeMalformedObjectDeletion,
		run: failing(storagetesting.RunTestDeleteExpectedTransformOrDecodeError, (*subject).breakCodec)},
	{name: "DeleteWithSuggestionAndMissingExpectedTransformOrDecodeError", on: features.AllowUnsafeMalformedObjectDeletion,
		run: func(t *testing.T, s *subject) {
			storagetesting.RunTestDeleteWithSuggestionAndMissingExpectedTransformOrDecodeError(t.Context(), t, s)
		}},

	{name: "List", vary: features.EtcdRangeStream, varyCached: features.ListFromCacheSnapshot, run: list},
	{name: "ConsistentList", vary: features.EtcdRangeStream, varyCached: features.ListFromCacheSnapshot, run: func(t *testing.T, s *subject) {
		snapshots := s.cached && utilfeature.DefaultFeatureGate.Enabled(features.ListFromCacheSnapshot)
		storagetesting.RunTestConsistentList(t.Context(), t, s, s.increase, s.cached, true, snapshots)
	}},
	{name: "GetListNonRecursive", varyCached: features.ListFromCacheSnapshot, run: func(t *testing.T, s *subject) {
		storagetesting.RunTestGetListNonRecursive(t.Context(), t, s.increase, s)
	}},
	{name: "GetListRecursivePrefix", run: plain(storagetesting.RunTestGetListRecursivePrefix)},
	{name: "GetListWithErrorAggregation", on: features.AllowUnsafeMalformedObjectDeletion, notCached: unreadableBelow,
		run: func(t *testing.T, s *subject) {
			s.Interface = etcd3.NewStoreWithUnsafeCorruptObjectDeletion(s.Interface, pods)
			storagetesting.RunTestGetListWithErrorAggregation(t.Context(), t, s, errCorrupt(t.Context()))
		}},
	{name: "GetListWithoutErrorAggregation", off: features.AllowUnsafeMalformedObjectDeletion, notCached: unreadableBelow,
		run: func(t *testing.T, s *subject) {
			storagetesting.RunTestGetListWithoutErrorAggregation(t.Context(), t, s, errCorrupt(t.Context()))
		}},
	{name: "ListPaging", run: plain(storagetesting.RunTestListPaging)},
	// With snapshots the store's requests are counted with those that look for compactions.
	{name: "ListContinuation", off: features.ListFromCacheSnapshot, run: func(t *testing.T, s *subject) {
		storagetesting.RunTestListContinuation(t.Context(), t, s, s.cost)
	}},
	{name: "ListPaginationRareObject", off: features.ListFromCacheSnapshot, run: func(t *testing.T, s *subject) {
		storagetesting.RunTestListPaginationRareObject(t.Context(), t, s, s.cost)
	}},
	{name: "ListContinuationWithFilter", off: features.ListFromCacheSnapshot, run: func(t *testing.T, s *subject) {
		storagetesting.RunTestListContinuationWithFilter(t.Context(), t, s, s.cost)
	}},
	{name: "ListInconsistentContinuation", notCached: "the function wants a page at version 0, which the cache answers whole",
		run: func(t *testing.T, s *subject) {
			storagetesting.RunTestListInconsistentContinuation(t.Context(), t, s, s.compact)
		}},
	{name: "ListResourceVersionMatch", run: func(t *testing.T, s *subject) {
		storagetesting.RunTestListResourceVersionMatch(t.Context(), t, s)
	}},
	{name: "NamespaceScopedList", run: plain(storagetesting.RunTestNamespaceScopedList)},
	{name: "CompactRevision", on: features.ListFromCacheSnapshot, run: func(t *testing.T, s *subject) {
		storagetesting.RunTestCompactRevision(t.Context(), t, s, s.increase, s.compact)
	}},
	{name: "KeySchema", run: plain(storagetesting.RunTestKeySchema)},
	{name: "Stats", vary: features.SizeBasedListCostEstimate, varyCached: features.SizeBasedListCostEstimate, run: stats},

	{name: "GuaranteedUpdate", run: func(t *testing.T, s *subject) {
		storagetesting.RunTestGuaranteedUpdate(t.Context(), t, s, s.stored)
	}},
	{name: "GuaranteedUpdateWithTTL", run: plain(storagetesting.RunTestGuaranteedUpdateWithTTL)},
	{name: "GuaranteedUpdateChecksStoredData", run: func(t *testing.T, s *subject) {
		storagetesting.RunTestGuaranteedUpdateChecksStoredData(t.Context(), t, s)
	}},
	{name: "GuaranteedUpdateWithConflict", run: plain(storagetesting.RunTestGuaranteedUpdateWithConflict)},
	{name: "GuaranteedUpdateWithSuggestionAndConflict", run: plain(storagetesting.RunTestGuaranteedUpdateWithSuggestionAndConflict)},
	{name: "TransformationFailure", notCached: unreadableBelow, run: func(t *testing.T, s *subject) {
		storagetesting.RunTestTransformationFailure(t.Context(), t, s)
	}},

	{name: "Watch", run: plain(storagetesting.RunTestWatch)},
	{name: "ClusterScopedWatch", clusterScoped: true, run: plain(storagetesting.RunTestClusterScopedWatch)},
	{name: "NamespaceScopedWatch", run: plain(storagetesting.RunTestNamespaceScopedWatch)},
	{name: "DeleteTriggerWatch", run: plain(storagetesting.RunTestDeleteTriggerWatch)},
	{name: "WatchFromZero", run: func(t *testing.T, s *subject) {
		compact := s.compact
		if s.cached {
			compact = nil // the cache forgets by age, whatever is compacted; the function then skips its end, and says so
		}
		storagetesting.RunTestWatchFromZero(t.Context(), t, s, compact)
	}},
	{name: "WatchFromNonZero", run: plain(storagetesting.RunTestWatchFromNonZero)},
	{name: "DelayedWatchDelivery", run: plain(storagetesting.RunTestDelayedWatchDelivery)},
	{name: "WatchError", notCached: unreadableBelow, run: func(t *testing.T, s *subject) {
		storagetesting.RunTestWatchError(t.Context(), t, s)
	}},
	{name: "WatchErrorIsBlockingFurtherEvents", notCached: unreadableBelow, run: func(t *testing.T, s *subject) {
		storagetesting.RunWatchErrorIsBlockingFurtherEvents(t.Context(), t, s)
	}},
	{name: "WatchWithUnsafeDelete", on: features.AllowUnsafeMalformedObjectDeletion, notCached: unreadableBelow,
		run: func(t *testing.T, s *subject) {
			storagetesting.RunTestWatchWithUnsafeDelete(t.Context(), t, s, errCorrupt(t.Context()))
		}},
	{name: "WatchContextCancel", run: plain(storagetesting.RunTestWatchContextCancel)},
	{name: "WatcherTimeout", run: plain(storagetesting.RunTestWatcherTimeout)},
	{name: "WatchDeleteEventObjectHaveLatestRV", run: plain(storagetesting.RunTestWatchDeleteEventObjectHaveLatestRV)},
	{name: "WatchInitializationSignal", run: plain(storagetesting.RunTestWatchInitializationSignal)},
	{name: "OptionalTestProgressNotify", flags: []string{progress}, notCached: "the cache keeps the store's progress to itself",
		run: func(t *testing.T, s *subject) {
			storagetesting.RunOptionalTestProgressNotify(t.Context(), t, s, s.increase)
		}},
	{name: "WatchDispatchBookmarkEvents", flags: []string{progress}, run: func(t *testing.T, s *subject) {
		storagetesting.RunTestWatchDispatchBookmarkEvents(t.Context(), t, s, s.cached)
	}},
	{name: "OptionalWatchBookmarksWithCorrectResourceVersion", notStore: "its bookmarks are the cache's",
		run: plain(storagetesting.RunTestOptionalWatchBookmarksWithCorrectResourceVersion)},
	{name: "SendInitialEventsBackwardCompatibility", run: plain(storagetesting.RunSendInitialEventsBackwardCompatibility)},
	{name: "WatchSemantics", alone: true, settled: true, vary: features.EtcdRangeStream, run: plain(storagetesting.RunWatchSemantics)},
	{name: "WatchSemantics/concurrent decoding", on: features.ConcurrentWatchObjectDecode, alone: true, settled: true, vary: features.EtcdRangeStream,
		run: plain(storagetesting.RunWatchSemantics)},
	{name: "WatchSemanticInitialEventsExtended", alone: true, settled: true, vary: features.EtcdRangeStream,
		run: plain(storagetesting.RunWatchSemanticInitialEventsExtended)},
	{name: "WatchListMatchSingle", alone: true, settled: true, vary: features.EtcdRangeStream, run: plain(storagetesting.RunWatchListMatchSingle)},
}

// plain is how most functions are called.
func plain(run func(context.Context, *testing.T, storage.Interface)) func(*testing.T, *subject) {
	return func(t *testing.T, s *subject) { run(t.Context(), t, s) }
}

// failing is how those are called that make objects unreadable while they run.
func failing(run func(context.Context, testing.TB, storage.Interface, func(bool)), how func(*subject, bool)) func(*testing.T, *subject) {
	return func(t *testing.T, s *subject) { run(t.Context(), t, s, func(broken bool) { how(s, broken) }) }
}

// list also checks that the store is asked for streams where it should be, and that it knows them.
func list(t *testing.T, s *subject) {
	storagetesting.RunTestList(t.Context(), t, s, s.compact, s.cached, s.lists)
	if s.cached {
		return
	}
	streams := utilfeature.DefaultFeatureGate.Enabled(features.EtcdRangeStream)
	require.Equal(t, streams, s.requests.GetStreamReadsAndReset() > 0)
	require.True(t, etcdfeature.DefaultFeatureSupportChecker.Supports(storage.RangeStream))
}

// stats also sees to the sizes, which the cache asks for itself.
func stats(t *testing.T, s *subject) {
	sizes := utilfeature.DefaultFeatureGate.Enabled(features.SizeBasedListCostEstimate)
	if sizes && !s.cached {
		require.NoError(t, s.EnableResourceSizeEstimation(s.keys))
	}
	storagetesting.RunTestStats(t.Context(), t, s, s.codec, s.transformer, sizes)
}

// TestStore runs the contract on etcd3's store, as upstream does.
func TestStore(t *testing.T) {
	for _, c := range contracts {
		c.each(t, c.vary, c.notStore, func(t *testing.T) { c.run(t, newSubject(t, "", c.flags...)) })
	}
}

// TestCacher runs it on the watch cache before that store.
func TestCacher(t *testing.T) {
	for _, c := range contracts {
		c.each(t, c.varyCached, c.notCached, func(t *testing.T) {
			s := newSubject(t, "/registry", c.flags...)
			s.withCache(t, c.clusterScoped)
			if c.settled {
				s.Interface = settled{s.Interface}
			}
			c.run(t, s)
		})
	}
}

// each is a test with the features as the contract wants them, without and with the one that varies; or none, and why.
func (c contract) each(t *testing.T, vary featuregate.Feature, not string, test func(t *testing.T)) {
	set := func(t *testing.T, f featuregate.Feature, on bool) {
		if f != "" {
			featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, f, on)
		}
	}
	t.Run(c.name, func(t *testing.T) {
		if not != "" {
			t.Skip(not)
		}
		set(t, c.on, true)
		set(t, c.off, false)
		if vary == "" {
			if c.on == "" && c.off == "" && !c.alone { // features are the whole process'
				t.Parallel()
			}
			test(t)
			return
		}
		for _, on := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s=%v", vary, on), func(t *testing.T) {
				set(t, vary, on)
				test(t)
			})
		}
	})
}
