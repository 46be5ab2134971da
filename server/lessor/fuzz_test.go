package lessor

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// FuzzPeerPort posts any bytes as a member's question about a lease.
func FuzzPeerPort(f *testing.F) {
	l := New(Config{RequestTimeout: time.Second})
	l.replica = newFake()
	l.promote()
	l.Granted(5, 1<<30)
	keep, err := proto.Marshal(&pb.LeaseKeepAliveRequest{ID: 5})
	require.NoError(f, err)
	ask, err := wrap(&pb.LeaseTimeToLiveRequest{ID: 5})
	require.NoError(f, err)
	f.Add(keep)
	f.Add(ask)
	f.Add([]byte("\x0a\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for path, h := range l.PeerHandlers() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
			require.Contains(t, []int{http.StatusOK, http.StatusNotFound, http.StatusBadRequest}, w.Code)
		}
	})
}
