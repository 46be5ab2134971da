// Package regressions has a test for every correctness bug that etcd has on record: what it was, which promise it broke, and that
// petcd keeps the promise. It has nothing but tests; they are named by the number of the issue, so that
//
//	go test -run 'TestEtcd15271' ./server/regressions ./raft
//
// runs one. Where a bug needs a look from within, or was covered before, its test stands beside the code:
//
//	13766  state and applied index diverge under load        TestEtcd13766
//	14370  a single member loses an acknowledged write       raft TestEtcd14370, server/servertest TestOneMemberKeepsItsDataOverCrashes
//	14571  members judge by different permissions            TestEtcd14571
//	14685  a crash while defragmenting loses data            TestEtcd14685
//	15220  progress is told ahead of events                  TestEtcd15220, storage/watch TestProgressNeverFallsBehindEvents
//	15271  a watch goes back in time after a partition       TestEtcd15271
//	17247  an event is delivered twice                       storage/watch TestRevisionOfSeveralKeysIsGivenOnce
//	17529  events are lost to slow watchers                  TestEtcd17529
//	17780  the revision decreases after a crash              TestEtcd17780
//	18055  two snapshots in a short time end the member      TestEtcd18055
//	18089  a compaction at a deletion drops its event        TestEtcd18089
//	18667  a compacted read within a txn diverges            TestEtcd18667, server/apply TestTxnCompactedRevision
//	19179  the deletion at the compact revision is missing   TestEtcd19179
//	20221  a watch of the future is told of the past         TestEtcd20221Notifications, TestEtcd20221OldEvents
//	20271  a page that is not what it says ends the member   storage/etcddb TestEtcd20271, TestDamage
//	20418  reads are stale after a pause                     raft TestEtcd20418
//
// and of the change logs, by the release that mended it:
//
//	3.5.13 a lease is revoked by a leader of the past        server/lessor TestALeaderThatIsNotSureProposesNothing,
//	                                                         server TestIsolatedLeaderEndsNoLease
//	3.5.17 a refused txn is applied in part                  TestEtcd3517PartialTxn, server/apply TestTxnIsCheckedInWhole
//	3.5.20 a promotion is not written down                   server/membership TestChanges
//	3.5.26 removed members come back                         server/membership TestChanges, server TestRemovedMemberStopsAndStaysOut
//	3.6.1  a new cluster keeps members of the old one        server TestForceNewClusterKeepsDataAndDropsAllOthers; also 3.6.6
//	3.6.5  a revoked lease is renewed                        server/lessor TestAnExpiredLeaseIsNotRenewed,
//	                                                         server TestCutOffLeaderRenewsNothing
//	3.6.9  a read takes the answer to an earlier one         raft TestLateAnswersCount, TestNewLeaderAnswersNobodyYet
//	3.6.12 an update of a member promotes it                 server/membership TestChanges, server TestUpdateReplacesOnlyPeerURLs
//	3.7.0  a read of the future within a txn diverges        TestEtcd370FutureRead
//
// Package mutants brings each of them back, and demands that these tests fail.
package regressions
