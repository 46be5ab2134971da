package replica

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/v2pb"
)

// TestV2KeysRaiseTheQuotasAlarm fills a store with keys of API 2 until both APIs are refused; deletes are not.
func TestV2KeysRaiseTheQuotasAlarm(t *testing.T) {
	c := memberConfig("/data")
	c.QuotaBytes = 2 << 20
	r, err := Open(t.Context(), Config{Member: c, FS: vfs.NewMem()})
	require.NoError(t, err)
	stop := start(t, r)
	defer func() {
		stop()
		require.NoError(t, r.Close())
	}()
	value := string(putRequest("", 200<<10).Put.Value)
	put := func(i int) error {
		_, err := r.ProposeV2(t.Context(), &v2pb.Request{Method: "PUT", Path: fmt.Sprint("/1/", i), Val: value})
		return err
	}
	for i := 0; ; i++ {
		require.Less(t, i, 100, "the quota is never exceeded")
		if err = put(i); err != nil {
			break
		}
		require.NoError(t, r.store.Flush())
	}
	require.ErrorIs(t, err, apply.ErrNoSpace)
	require.NotEmpty(t, r.Alarms(pb.AlarmType_NOSPACE), "who learns of the refusal sees the alarm")
	require.ErrorIs(t, put(0), apply.ErrNoSpace)
	res, err := r.Propose(t.Context(), putRequest("k", 10))
	require.NoError(t, err)
	require.ErrorIs(t, res.Err, apply.ErrNoSpace)
	_, err = r.ProposeV2(t.Context(), &v2pb.Request{Method: "DELETE", Path: "/1/0"})
	require.NoError(t, err)
}

func TestV2PathsAreBounded(t *testing.T) {
	require.NoError(t, CheckV2Path("/1"+strings.Repeat("/a", 1000)))
	require.ErrorIs(t, CheckV2Path("/1"+strings.Repeat("/a", 1030)), ErrRequestTooLarge)
	require.ErrorIs(t, CheckV2Path("/1/"+strings.Repeat("x", 2000)+strings.Repeat("/a", 500)), ErrRequestTooLarge, "the first name is in each")
	require.NoError(t, CheckV2Path("/1/"+strings.Repeat("x", 2<<20)), "one long name")
}
