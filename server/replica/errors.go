package replica

import "errors"

// Errors of requests. The API maps them to etcd's texts and codes.
var (
	// ErrStopped is returned once the member is closing.
	ErrStopped = errors.New("replica: stopped")

	// ErrCanceled is returned when the request's own context was canceled.
	ErrCanceled = errors.New("replica: request canceled")

	// ErrTimeout is returned when a request found no quorum in time.
	ErrTimeout = errors.New("replica: request timed out")

	// ErrTimeoutLeaderFail is ErrTimeout for a request that was under way while a leader was lost.
	ErrTimeoutLeaderFail = errors.New("replica: request timed out, possibly due to previous leader failure")

	// ErrTimeoutConnectionLost is ErrTimeout for a request during which the leader lost its quorum, or this member its
	// leader.
	ErrTimeoutConnectionLost = errors.New("replica: request timed out, possibly due to connection lost")

	// ErrTimeoutWaitApplied is returned when the state did not catch up with the commit index in time.
	ErrTimeoutWaitApplied = errors.New("replica: request timed out, waiting for the applied index took too long")

	// ErrTimeoutLeaderTransfer is returned when a transferee did not take over in time.
	ErrTimeoutLeaderTransfer = errors.New("replica: request timed out, leader transfer took too long")

	// ErrLeaderChanged is returned when the leader changed while a request was under way.
	ErrLeaderChanged = errors.New("replica: leader changed")

	// ErrNoLeader is returned when there is no leader to ask.
	ErrNoLeader = errors.New("replica: no leader")

	// ErrNotLeader is returned by what only the leader can do.
	ErrNotLeader = errors.New("replica: not leader")

	// ErrTooManyRequests is returned while applying lags too far behind committing.
	ErrTooManyRequests = errors.New("replica: too many requests")

	// ErrRequestTooLarge is returned for a request above the configured size.
	ErrRequestTooLarge = errors.New("replica: request is too large")

	// ErrNotEnoughStarted is returned for a change of members that would leave no quorum of started ones.
	ErrNotEnoughStarted = errors.New("replica: re-configuration failed due to not enough started members")

	// ErrUnhealthy is returned for a change of members that would break the quorum of connected ones.
	ErrUnhealthy = errors.New("replica: unhealthy cluster")

	// ErrLearnerNotReady is returned for the promotion of a learner that has not caught up.
	ErrLearnerNotReady = errors.New("replica: can only promote a learner member which is in sync with leader")

	// ErrNoClusterVersion is returned for a downgrade before the first cluster version was decided.
	ErrNoClusterVersion = errors.New("replica: cluster version not found during downgrade")

	// ErrBadDowngradeTarget is returned for a downgrade to anything but the next lower minor version.
	ErrBadDowngradeTarget = errors.New("replica: invalid downgrade target version")

	// ErrDowngradeInProcess is returned for a downgrade while another is under way.
	ErrDowngradeInProcess = errors.New("replica: cluster has a downgrade job in progress")

	// ErrNoDowngrade is returned when there is no downgrade to cancel.
	ErrNoDowngrade = errors.New("replica: no inflight downgrade job")

	// ErrBadTransferee is returned when leadership is to move to a member that cannot take it.
	ErrBadTransferee = errors.New("replica: bad leader transferee")
)

// Errors of a member that cannot start, or cannot go on.
var (
	// ErrCorrupt marks a log and a state that do not belong together, or that are damaged.
	ErrCorrupt = errors.New("replica: data directory is damaged")

	// ErrDamaged is why a member stops, or its start fails, that met damage which its next start repairs.
	ErrDamaged = errors.New("replica: the data directory was damaged; the next start repairs it")

	// errNoteFirst is a leader's answer to a member that lost its log, and may join again once it has noted that it asks for it.
	errNoteFirst = errors.New("replica: the member can be taken back once it has noted that")

	// ErrForeign marks a data directory that was not written by petcd.
	ErrForeign = errors.New("replica: not a petcd data directory")

	// ErrUnfinishedRestore is returned for a data directory in which a restore was cut off. Without its state the member
	// would found an empty cluster there.
	ErrUnfinishedRestore = errors.New("replica: a restore did not finish")

	// ErrNothingThere is returned for a data directory whose member never was part of a cluster.
	ErrNothingThere = errors.New("replica: the data directory holds no log: its member never ran, or had a --wal-dir, which must be given")

	// ErrLocked is returned when another process uses the data directory.
	ErrLocked = errors.New("replica: data directory is in use by another process")

	// ErrRemoved is why a member stops that was removed from its cluster.
	ErrRemoved = errors.New("replica: the member has been permanently removed from the cluster")
)
