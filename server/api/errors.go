package api

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/lessor"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/lease"
	"github.com/petcd/petcd/storage/mvcc"
)

// Errors that are born here, with etcd's texts.
var (
	errUnknownMethod = status.Error(codes.Unknown, "etcdserver: unknown method")
	// Snapshots need the disk that a write's answer does not wait for.
	errDiskFailing = status.Error(codes.Unavailable, "petcd: the disk of the member's state fails")

	errStreamSort   = status.Error(codes.Unimplemented, "RangeStream does not support custom sort orders")
	errStreamFilter = status.Error(codes.Unimplemented, "RangeStream does not support revision filters")
)

// mapping is one row of the error table.
type mapping struct {
	from error // a sentinel of the server
	to   error // what the client gets
}

// table maps every sentinel that can end a request. Two rows end in an
// rpctypes error that is no gRPC status: etcd answers them with code Unknown,
// and so must we.
var table = []mapping{
	{mvcc.ErrCompacted, rpctypes.ErrGRPCCompacted},
	{mvcc.ErrFutureRevision, rpctypes.ErrGRPCFutureRev},
	{lease.ErrNotFound, rpctypes.ErrGRPCLeaseNotFound},
	{lease.ErrExists, rpctypes.ErrGRPCLeaseExist},
	{storage.ErrClosed, rpctypes.ErrGRPCStopped},
	{storage.ErrDiskFailing, errDiskFailing},
	{storage.ErrDiskStalled, errDiskFailing},

	{apply.ErrKeyNotFound, rpctypes.ErrGRPCKeyNotFound},
	{apply.ErrNoSpace, rpctypes.ErrGRPCNoSpace},
	{apply.ErrCorrupt, rpctypes.ErrGRPCCorrupt},
	{apply.ErrUnknownRequest, errUnknownMethod},
	{apply.ErrLeaseNotFound, rpctypes.ErrGRPCLeaseNotFound},
	{apply.ErrLeaseExists, rpctypes.ErrGRPCLeaseExist},
	{apply.ErrLeaseTTLTooLarge, rpctypes.ErrGRPCLeaseTTLTooLarge},

	{lessor.ErrNotFound, rpctypes.ErrGRPCLeaseNotFound},

	{auth.ErrRootUserNotExist, rpctypes.ErrGRPCRootUserNotExist},
	{auth.ErrRootRoleNotExist, rpctypes.ErrGRPCRootRoleNotExist},
	{auth.ErrUserExists, rpctypes.ErrGRPCUserAlreadyExist},
	{auth.ErrUserEmpty, rpctypes.ErrGRPCUserEmpty},
	{auth.ErrUserNotFound, rpctypes.ErrGRPCUserNotFound},
	{auth.ErrRoleExists, rpctypes.ErrGRPCRoleAlreadyExist},
	{auth.ErrRoleNotFound, rpctypes.ErrGRPCRoleNotFound},
	{auth.ErrRoleEmpty, rpctypes.ErrGRPCRoleEmpty},
	{auth.ErrLoginFailed, rpctypes.ErrGRPCAuthFailed},
	{auth.ErrPermissionNotGiven, rpctypes.ErrGRPCPermissionNotGiven},
	{auth.ErrPermissionDenied, rpctypes.ErrGRPCPermissionDenied},
	{auth.ErrRoleNotGranted, rpctypes.ErrGRPCRoleNotGranted},
	{auth.ErrPermissionNotGranted, rpctypes.ErrGRPCPermissionNotGranted},
	{auth.ErrNotEnabled, rpctypes.ErrGRPCAuthNotEnabled},
	{auth.ErrInvalidToken, rpctypes.ErrGRPCInvalidAuthToken},
	{auth.ErrInvalidManagement, rpctypes.ErrGRPCInvalidAuthMgmt},
	{auth.ErrOldRevision, rpctypes.ErrGRPCAuthOldRevision},
	{auth.ErrNoPasswordUser, status.Error(codes.Unknown, "auth: authentication failed, password was given for no password user")},
	{auth.ErrVerifyOnly, status.Error(codes.Unknown, "auth: token signing attempted with verify-only key")},

	{membership.ErrIDRemoved, rpctypes.ErrGRPCMemberNotFound},
	{membership.ErrIDNotFound, rpctypes.ErrGRPCMemberNotFound},
	{membership.ErrIDExists, rpctypes.ErrGRPCMemberExist},
	{membership.ErrPeerURLExists, rpctypes.ErrGRPCPeerURLExist},
	{membership.ErrNotLearner, rpctypes.ErrGRPCMemberNotLearner},
	{membership.ErrTooManyLearners, rpctypes.ErrGRPCTooManyLearners},
	{membership.ErrBadPeerURLs, rpctypes.ErrGRPCMemberBadURLs},

	{replica.ErrNotEnoughStarted, rpctypes.ErrMemberNotEnoughStarted},
	{replica.ErrLearnerNotReady, rpctypes.ErrGRPCLearnerNotReady},
	{replica.ErrRequestTooLarge, rpctypes.ErrGRPCRequestTooLarge},
	{replica.ErrTooManyRequests, rpctypes.ErrTooManyRequests},
	{replica.ErrNoLeader, rpctypes.ErrGRPCNoLeader},
	{replica.ErrNotLeader, rpctypes.ErrGRPCNotLeader},
	{replica.ErrLeaderChanged, rpctypes.ErrGRPCLeaderChanged},
	{replica.ErrCanceled, rpctypes.ErrGRPCCanceled},
	{replica.ErrStopped, rpctypes.ErrGRPCStopped},
	{replica.ErrTimeout, rpctypes.ErrGRPCTimeout},
	{replica.ErrTimeoutLeaderFail, rpctypes.ErrGRPCTimeoutDueToLeaderFail},
	{replica.ErrTimeoutConnectionLost, rpctypes.ErrGRPCTimeoutDueToConnectionLost},
	{replica.ErrTimeoutWaitApplied, rpctypes.ErrGRPCTimeoutWaitAppliedIndex},
	{replica.ErrUnhealthy, rpctypes.ErrGRPCUnhealthy},
	{replica.ErrNoClusterVersion, rpctypes.ErrGRPCClusterVersionUnavailable},
	{replica.ErrBadDowngradeTarget, rpctypes.ErrGRPCInvalidDowngradeTargetVersion},
	{replica.ErrDowngradeInProcess, rpctypes.ErrGRPCDowngradeInProcess},
	{replica.ErrNoDowngrade, rpctypes.ErrGRPCNoInflightDowngrade},
	{replica.ErrBadTransferee, rpctypes.ErrGRPCBadLeaderTransferee},

	{lessor.ErrNotPrimary, status.Error(codes.Unknown, "not a primary lessor")},
	{replica.ErrTimeoutLeaderTransfer, status.Error(codes.Unknown, "etcdserver: request timed out, leader transfer took too long")},
}

// Text is what etcd says of an error of the server where there is no gRPC to say it by.
func Text(err error) string { return rpctypes.ErrorDesc(wire(err)) }

// wire turns an error of the server into the one a client of etcd gets.
// Anything outside the table keeps its text, under code Unknown.
func wire(err error) error {
	if err == nil {
		return nil
	}
	for _, m := range table {
		if errors.Is(err, m.from) {
			return m.to
		}
	}
	// gRPC turns these into Canceled and DeadlineExceeded.
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Unknown, err.Error())
}
