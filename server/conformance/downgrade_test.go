package conformance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// downgradeCases: the cluster version is lowered by hand and raised again.
func downgradeCases(s *suite) {
	ask := func(e *env, action pb.DowngradeRequest_DowngradeAction, version string) (*pb.DowngradeResponse, error) {
		return e.maint.Downgrade(e.ctx, &pb.DowngradeRequest{Action: action, Version: version})
	}
	const (
		validate = pb.DowngradeRequest_VALIDATE
		enable   = pb.DowngradeRequest_ENABLE
		cancel   = pb.DowngradeRequest_CANCEL
	)
	// settled waits until the cluster version is decided.
	settled := func(t *testing.T, e *env, version string) {
		t.Helper()
		e.until(t, "the cluster version "+version, func() bool {
			_, body, err := e.cluster.Member(0).Get(e.ctx, "/version")
			require.NoError(t, err)
			return strings.Contains(body, `"etcdcluster":"`+version+`.0"`)
		})
	}
	s.run("refusals", func(t *testing.T, e *env) {
		needs(t, e, downgrade)
		settled(t, e, "3.7")
		for _, action := range []pb.DowngradeRequest_DowngradeAction{validate, enable} {
			for version, want := range map[string]error{
				"":      rpctypes.ErrGRPCWrongDowngradeVersionFormat,
				"three": rpctypes.ErrGRPCWrongDowngradeVersionFormat,
				"3.5":   rpctypes.ErrGRPCInvalidDowngradeTargetVersion,
				"3.7":   rpctypes.ErrGRPCInvalidDowngradeTargetVersion,
				"3.8":   rpctypes.ErrGRPCInvalidDowngradeTargetVersion,
				"2.6":   rpctypes.ErrGRPCInvalidDowngradeTargetVersion,
			} {
				_, err := ask(e, action, version)
				requireStatus(t, want, err)
			}
		}
		_, err := e.maint.Downgrade(e.ctx, &pb.DowngradeRequest{Action: 9})
		require.ErrorContains(t, err, "unknown method")
	})
	s.run("cancel_of_none", func(t *testing.T, e *env) {
		needs(t, e, downgrade)
		settled(t, e, "3.7")
		resp, err := ask(e, cancel, "")
		require.NoError(t, err)
		require.Equal(t, "3.7", resp.Version)
	})
	s.run("enable_and_cancel", func(t *testing.T, e *env) {
		needs(t, e, downgrade)
		settled(t, e, "3.7")
		resp, err := ask(e, validate, "3.6")
		require.NoError(t, err)
		require.Equal(t, "3.7", resp.Version)
		require.Equal(t, "false", e.peer(t, http.MethodGet, "/downgrade/enabled", nil, "").body)

		resp, err = ask(e, enable, "3.6.0")
		require.NoError(t, err)
		require.Equal(t, "3.7", resp.Version)
		require.NotZero(t, resp.Header.RaftTerm)
		status, err := e.maint.Status(e.ctx, &pb.StatusRequest{})
		require.NoError(t, err)
		require.True(t, status.DowngradeInfo.Enabled)
		require.Equal(t, "3.6.0", status.DowngradeInfo.TargetVersion)
		require.Equal(t, "true", e.peer(t, http.MethodGet, "/downgrade/enabled", nil, "").body)
		_, err = ask(e, enable, "3.6")
		requireStatus(t, rpctypes.ErrGRPCDowngradeInProcess, err)

		settled(t, e, "3.6")
		e.put(t, "a", "writes go on")
		_, err = ask(e, validate, "3.6")
		requireStatus(t, rpctypes.ErrGRPCInvalidDowngradeTargetVersion, err)

		resp, err = ask(e, cancel, "")
		require.NoError(t, err)
		require.Equal(t, "3.6", resp.Version)
		settled(t, e, "3.7")
		status, err = e.maint.Status(e.ctx, &pb.StatusRequest{})
		require.NoError(t, err)
		require.False(t, status.DowngradeInfo.Enabled)
		require.Empty(t, status.DowngradeInfo.TargetVersion)
	})
}
