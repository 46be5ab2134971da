package api

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// access is who may call a method while authentication is on.
type access int

const (
	// undeclared is the access of a method that is not in the table: nobody's.
	undeclared access = iota
	// everybody may call it.
	everybody
	// knownUsers may: whoever shows a valid token or certificate.
	knownUsers
	// root alone may.
	root
	// byEntry leaves the decision to the moment when the call's log entry is
	// applied; the entry says who asks.
	byEntry
	// byHandler leaves it to the method, which looks at what is asked for.
	byHandler
	// byCalls leaves it to the calls that the method makes in its caller's
	// name.
	byCalls
)

// accesses is who may call what. A test holds it to the registered methods, so
// that a new one cannot be forgotten; one that is missing is refused.
var accesses = map[string]access{
	"/etcdserverpb.KV/Range":       byHandler,
	"/etcdserverpb.KV/RangeStream": byHandler,
	"/etcdserverpb.KV/Put":         byEntry,
	"/etcdserverpb.KV/DeleteRange": byEntry,
	"/etcdserverpb.KV/Txn":         byEntry, // one that only reads: byHandler
	"/etcdserverpb.KV/Compact":     root,

	"/etcdserverpb.Watch/Watch": byHandler,

	"/etcdserverpb.Lease/LeaseGrant":      knownUsers,
	"/etcdserverpb.Lease/LeaseRevoke":     knownUsers, // and byEntry
	"/etcdserverpb.Lease/LeaseKeepAlive":  byHandler,
	"/etcdserverpb.Lease/LeaseTimeToLive": knownUsers, // with keys: and byHandler
	"/etcdserverpb.Lease/LeaseLeases":     byHandler,

	"/etcdserverpb.Cluster/MemberAdd":     byHandler, // root, once the URLs are URLs
	"/etcdserverpb.Cluster/MemberRemove":  root,
	"/etcdserverpb.Cluster/MemberUpdate":  root,
	"/etcdserverpb.Cluster/MemberPromote": root,
	"/etcdserverpb.Cluster/MemberList":    knownUsers,

	"/etcdserverpb.Maintenance/Alarm":      byHandler, // GET: knownUsers, others: root
	"/etcdserverpb.Maintenance/Status":     knownUsers,
	"/etcdserverpb.Maintenance/Defragment": root,
	"/etcdserverpb.Maintenance/Hash":       root,
	"/etcdserverpb.Maintenance/HashKV":     root,
	"/etcdserverpb.Maintenance/Snapshot":   root,
	"/etcdserverpb.Maintenance/MoveLeader": root,
	"/etcdserverpb.Maintenance/Downgrade":  root,

	"/etcdserverpb.Auth/Authenticate":         everybody,
	"/etcdserverpb.Auth/AuthStatus":           byEntry, // everybody, but for those with a token that is not valid
	"/etcdserverpb.Auth/AuthEnable":           byEntry,
	"/etcdserverpb.Auth/AuthDisable":          byEntry,
	"/etcdserverpb.Auth/UserAdd":              byEntry,
	"/etcdserverpb.Auth/UserGet":              byEntry,
	"/etcdserverpb.Auth/UserList":             byEntry,
	"/etcdserverpb.Auth/UserDelete":           byEntry,
	"/etcdserverpb.Auth/UserChangePassword":   byEntry,
	"/etcdserverpb.Auth/UserGrantRole":        byEntry,
	"/etcdserverpb.Auth/UserRevokeRole":       byEntry,
	"/etcdserverpb.Auth/RoleAdd":              byEntry,
	"/etcdserverpb.Auth/RoleGet":              byEntry,
	"/etcdserverpb.Auth/RoleList":             byEntry,
	"/etcdserverpb.Auth/RoleDelete":           byEntry,
	"/etcdserverpb.Auth/RoleGrantPermission":  byEntry,
	"/etcdserverpb.Auth/RoleRevokePermission": byEntry,

	"/v3lockpb.Lock/Lock":             byCalls,
	"/v3lockpb.Lock/Unlock":           byCalls,
	"/v3electionpb.Election/Campaign": byCalls,
	"/v3electionpb.Election/Proclaim": byCalls,
	"/v3electionpb.Election/Leader":   byCalls,
	"/v3electionpb.Election/Observe":  byCalls,
	"/v3electionpb.Election/Resign":   byCalls,

	"/grpc.health.v1.Health/Check": everybody,
	"/grpc.health.v1.Health/List":  everybody,
	"/grpc.health.v1.Health/Watch": everybody,
}

// admit refuses a call by what the table says of its method.
func (s *Server) admit(ctx context.Context, method string) error {
	if !s.replica.Auth().Enabled() {
		return nil
	}
	switch accesses[method] {
	case everybody, byEntry, byHandler, byCalls:
		return nil
	case knownUsers:
		return wire(s.known(ctx))
	case root:
		return wire(s.administrator(ctx))
	}
	return rpctypes.ErrGRPCPermissionDenied
}

// admitAlarm lets known users look at alarms, and root alone change them.
func (s *Server) admitAlarm(ctx context.Context, r *pb.AlarmRequest) error {
	if r.GetAction() == pb.AlarmRequest_GET {
		return s.known(ctx)
	}
	return s.administrator(ctx)
}
