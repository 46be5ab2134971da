package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
)

// of is an attempt of one message that names something in the world.
func of(method, variant string, m func(w *world) proto.Message, prepare func(t *testing.T, w *world)) attempt {
	return attempt{method: method, variant: variant, prepare: prepare, requests: func(w *world) []proto.Message { return []proto.Message{m(w)} }}
}

// clusterAttempts are the rows of Cluster. What root may do leaves the cluster
// as it was, or is undone before the next turn.
func clusterAttempts() []attempt {
	noLearner := func(t *testing.T, w *world) {
		list, err := w.admin.MemberList(w.root, &pb.MemberListRequest{})
		require.NoError(t, err)
		for _, m := range list.Members {
			if m.IsLearner {
				_, err = w.admin.MemberRemove(w.root, &pb.MemberRemoveRequest{ID: m.ID})
				require.NoError(t, err)
			}
		}
	}
	out := []attempt{
		of("Cluster/MemberAdd", "learner", func(w *world) proto.Message {
			w.learners++ // the id follows from URL and second, and must not be a removed member's
			return &pb.MemberAddRequest{PeerURLs: []string{fmt.Sprintf("http://127.0.0.1:%d", w.learners)}, IsLearner: true}
		}, noLearner),
		of("Cluster/MemberAdd", "of the url of a member", func(w *world) proto.Message {
			return &pb.MemberAddRequest{PeerURLs: []string{w.peerURL}}
		}, noLearner),
		just("Cluster/MemberAdd", "no url", &pb.MemberAddRequest{}),
		just("Cluster/MemberAdd", "bad url", &pb.MemberAddRequest{PeerURLs: []string{"nonsense"}}),
		of("Cluster/MemberRemove", "unknown", func(*world) proto.Message { return &pb.MemberRemoveRequest{ID: 77} }, noLearner),
		of("Cluster/MemberUpdate", "same url", func(w *world) proto.Message {
			return &pb.MemberUpdateRequest{ID: w.member, PeerURLs: []string{w.peerURL}}
		}, nil),
		just("Cluster/MemberUpdate", "unknown", &pb.MemberUpdateRequest{ID: 77, PeerURLs: []string{"http://127.0.0.1:1"}}),
		just("Cluster/MemberPromote", "unknown", &pb.MemberPromoteRequest{ID: 77}),
		of("Cluster/MemberPromote", "voter", func(w *world) proto.Message { return &pb.MemberPromoteRequest{ID: w.member} }, nil),
	}
	return append(out, varied("Cluster/MemberList", "", &pb.MemberListRequest{})...)
}

// maintenanceAttempts are the rows of Maintenance and of health.
func maintenanceAttempts() []attempt {
	calm := func(t *testing.T, w *world) {
		_, err := w.maint.Alarm(w.root, &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: w.member, Alarm: pb.AlarmType_CORRUPT})
		require.NoError(t, err)
	}
	alarm := func(variant string, action pb.AlarmRequest_AlarmAction, kind pb.AlarmType) attempt {
		return of("Maintenance/Alarm", variant, func(w *world) proto.Message {
			return &pb.AlarmRequest{Action: action, MemberID: w.member, Alarm: kind}
		}, calm)
	}
	settled := func(t *testing.T, w *world) {
		_, _ = w.maint.Downgrade(w.root, &pb.DowngradeRequest{Action: pb.DowngradeRequest_CANCEL})
	}
	downgrade := func(variant string, action pb.DowngradeRequest_DowngradeAction, version string) attempt {
		return of("Maintenance/Downgrade", variant, func(*world) proto.Message {
			return &pb.DowngradeRequest{Action: action, Version: version}
		}, settled)
	}
	return []attempt{
		alarm("get", pb.AlarmRequest_GET, pb.AlarmType_NONE),
		alarm("activate", pb.AlarmRequest_ACTIVATE, pb.AlarmType_CORRUPT),
		alarm("deactivate", pb.AlarmRequest_DEACTIVATE, pb.AlarmType_CORRUPT),
		of("Maintenance/Status", "", func(*world) proto.Message { return &pb.StatusRequest{} }, calm),
		just("Maintenance/Defragment", "", &pb.DefragmentRequest{}),
		just("Maintenance/Hash", "", &pb.HashRequest{}),
		just("Maintenance/HashKV", "", &pb.HashKVRequest{}),
		just("Maintenance/HashKV", "future", &pb.HashKVRequest{Revision: 1 << 40}),
		just("Maintenance/Snapshot", "", &pb.SnapshotRequest{}),
		just("Maintenance/MoveLeader", "to nobody", &pb.MoveLeaderRequest{TargetID: 77}),
		downgrade("validate", pb.DowngradeRequest_VALIDATE, "3.6.0"),
		downgrade("validate what cannot be", pb.DowngradeRequest_VALIDATE, "3.2.0"),
		downgrade("validate nonsense", pb.DowngradeRequest_VALIDATE, "nonsense"),
		downgrade("enable what cannot be", pb.DowngradeRequest_ENABLE, "3.2.0"),
		downgrade("cancel", pb.DowngradeRequest_CANCEL, ""),
		just("Health/Check", "", &healthpb.HealthCheckRequest{}),
		just("Health/Check", "unknown", &healthpb.HealthCheckRequest{Service: "unknown"}),
		just("Health/Watch", "", &healthpb.HealthCheckRequest{}),
		just("Health/List", "", &healthpb.HealthListRequest{}),
	}
}

// authAttempts are the rows of Auth. victim and victims are a user and a role
// that are there before each turn, new and news are not.
func authAttempts() []attempt {
	ready := func(t *testing.T, w *world) {
		_, _ = w.auth.UserDelete(w.root, &pb.AuthUserDeleteRequest{Name: "new"})
		_, _ = w.auth.RoleDelete(w.root, &pb.AuthRoleDeleteRequest{Role: "news"})
		_, _ = w.auth.UserAdd(w.root, &pb.AuthUserAddRequest{Name: "victim", Password: "victim"})
		_, _ = w.auth.RoleAdd(w.root, &pb.AuthRoleAddRequest{Name: "victims"})
		w.fresh(t)
		_, _ = w.auth.RoleGrantPermission(w.root, &pb.AuthRoleGrantPermissionRequest{Name: "victims", Perm: canRead("in/a", "in/b")})
		w.fresh(t)
		_, _ = w.auth.UserGrantRole(w.root, &pb.AuthUserGrantRoleRequest{User: "victim", Role: "victims"})
		w.fresh(t)
	}
	on := func(t *testing.T, w *world) {
		_, err := w.auth.AuthEnable(w.root, &pb.AuthEnableRequest{})
		require.NoError(t, err)
		w.fresh(t)
	}
	var out []attempt
	add := func(method, variant string, m proto.Message) {
		a := just("Auth/"+method, variant, m)
		a.prepare = ready
		out = append(out, a)
	}
	add("AuthStatus", "", &pb.AuthStatusRequest{})
	add("AuthEnable", "", &pb.AuthEnableRequest{})
	add("Authenticate", "right", &pb.AuthenticateRequest{Name: "victim", Password: "victim"})
	add("Authenticate", "wrong", &pb.AuthenticateRequest{Name: "victim", Password: "wrong"})
	add("Authenticate", "unknown", &pb.AuthenticateRequest{Name: "nobody", Password: "wrong"})
	add("Authenticate", "no password", &pb.AuthenticateRequest{Name: "unlocked", Password: "wrong"})
	add("Authenticate", "empty", &pb.AuthenticateRequest{})
	add("UserAdd", "", &pb.AuthUserAddRequest{Name: "new", Password: "new"})
	add("UserAdd", "no_password", &pb.AuthUserAddRequest{Name: "new", Options: &authpb.UserAddOptions{NoPassword: true}})
	add("UserAdd", "hashed", &pb.AuthUserAddRequest{Name: "new", HashedPassword: "bm9uc2Vuc2U="})
	add("UserAdd", "there", &pb.AuthUserAddRequest{Name: "victim", Password: "new"})
	add("UserAdd", "empty", &pb.AuthUserAddRequest{})
	for _, name := range []string{"victim", "permitted", "root", "nobody", ""} {
		add("UserGet", name, &pb.AuthUserGetRequest{Name: name})
	}
	add("UserList", "", &pb.AuthUserListRequest{})
	for _, name := range []string{"victim", "root", "nobody", ""} {
		add("UserDelete", name, &pb.AuthUserDeleteRequest{Name: name})
	}
	add("UserChangePassword", "", &pb.AuthUserChangePasswordRequest{Name: "victim", Password: "victim"})
	add("UserChangePassword", "hashed", &pb.AuthUserChangePasswordRequest{Name: "victim", HashedPassword: "bm9uc2Vuc2U="})
	add("UserChangePassword", "unknown", &pb.AuthUserChangePasswordRequest{Name: "nobody", Password: "new"})
	add("UserGrantRole", "there", &pb.AuthUserGrantRoleRequest{User: "victim", Role: "victims"})
	add("UserGrantRole", "unknown user", &pb.AuthUserGrantRoleRequest{User: "nobody", Role: "victims"})
	add("UserGrantRole", "unknown role", &pb.AuthUserGrantRoleRequest{User: "victim", Role: "nothing"})
	add("UserRevokeRole", "", &pb.AuthUserRevokeRoleRequest{Name: "victim", Role: "victims"})
	add("UserRevokeRole", "not granted", &pb.AuthUserRevokeRoleRequest{Name: "victim", Role: "nothing"})
	add("UserRevokeRole", "root of root", &pb.AuthUserRevokeRoleRequest{Name: "root", Role: "root"})
	add("UserRevokeRole", "unknown user", &pb.AuthUserRevokeRoleRequest{Name: "nobody", Role: "victims"})
	add("RoleAdd", "", &pb.AuthRoleAddRequest{Name: "news"})
	add("RoleAdd", "there", &pb.AuthRoleAddRequest{Name: "victims"})
	add("RoleAdd", "empty", &pb.AuthRoleAddRequest{})
	for _, name := range []string{"victims", "permitted", "root", "nothing", ""} {
		add("RoleGet", name, &pb.AuthRoleGetRequest{Role: name})
	}
	add("RoleList", "", &pb.AuthRoleListRequest{})
	for _, name := range []string{"victims", "root", "nothing", ""} {
		add("RoleDelete", name, &pb.AuthRoleDeleteRequest{Role: name})
	}
	add("RoleGrantPermission", "range", &pb.AuthRoleGrantPermissionRequest{Name: "victims", Perm: canBoth("x", "y")})
	add("RoleGrantPermission", "from key", &pb.AuthRoleGrantPermissionRequest{Name: "victims", Perm: canWrite("x", "\x00")})
	add("RoleGrantPermission", "none", &pb.AuthRoleGrantPermissionRequest{Name: "victims"})
	add("RoleGrantPermission", "no key", &pb.AuthRoleGrantPermissionRequest{Name: "victims", Perm: canBoth("", "y")})
	add("RoleGrantPermission", "unknown role", &pb.AuthRoleGrantPermissionRequest{Name: "nothing", Perm: canBoth("x", "y")})
	add("RoleRevokePermission", "", &pb.AuthRoleRevokePermissionRequest{Role: "victims", Key: []byte("in/a"), RangeEnd: []byte("in/b")})
	add("RoleRevokePermission", "not granted", &pb.AuthRoleRevokePermissionRequest{Role: "victims", Key: []byte("z")})
	add("RoleRevokePermission", "unknown role", &pb.AuthRoleRevokePermissionRequest{Role: "nothing", Key: []byte("z")})
	return append(out, of("Auth/AuthDisable", "", func(*world) proto.Message { return &pb.AuthDisableRequest{} }, on))
}
