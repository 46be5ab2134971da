package lessor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage"
)

// fake is a replica that applies nothing by itself but checkpoints that are cleared.
type fake struct {
	lessor   *Lessor
	mu       sync.Mutex
	leader   bool
	term     uint64
	changed  chan struct{}
	proposed []*pb.InternalRaftRequest
	err      error // of proposals
	refused  error // of applying them
	barrier  error
	hangs    bool // a barrier ends with its context only
	asked    int  // how often another leader was asked
}

func newFake() *fake { return &fake{leader: true, changed: make(chan struct{})} }

func (f *fake) ServerHeader() *pb.RequestHeader { return &pb.RequestHeader{} }

func (f *fake) Propose(_ context.Context, r *pb.InternalRaftRequest) (*apply.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.proposed = append(f.proposed, r)
	for _, c := range r.GetLeaseCheckpoint().GetCheckpoints() {
		if f.err == nil && f.refused == nil && c.Remaining_TTL == 0 {
			f.lessor.Checkpointed(c.ID, 0)
		}
	}
	return &apply.Result{Err: f.refused}, f.err
}

func (f *fake) ReadBarrier(ctx context.Context) error {
	if f.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.barrier
}
func (f *fake) EnsureLeader(ctx context.Context) error { return f.ReadBarrier(ctx) }

func (f *fake) LeadsNow(bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leader && !f.hangs && f.barrier == nil
}

func (f *fake) Status() replica.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return replica.Status{IsLeader: f.leader, Term: f.term}
}

func (f *fake) LeaderChanged() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fake) Store() *storage.Store { return nil }

func (f *fake) AskLeader(context.Context, string, []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return nil, replica.ErrNoLeader
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) revoked() (ids []int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.proposed {
		if r.LeaseRevoke != nil {
			ids = append(ids, r.LeaseRevoke.ID)
		}
	}
	return ids
}

// bubble runs a lessor over f on the bubble's clock.
func bubble(t *testing.T, f *fake, test func(ctx context.Context, l *Lessor)) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Extension: time.Second, RequestTimeout: 7 * time.Second, Checkpoints: true})
		l.replica, f.lessor = f, l
		f.changed = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Run(ctx)
		}()
		synctest.Wait()
		test(ctx, l)
		cancel()
		<-done
	})
}

func TestExpiredLeasesAreRevokedInOrderOfExpiry(t *testing.T) {
	f := newFake()
	bubble(t, f, func(_ context.Context, l *Lessor) {
		l.Granted(1, 30)
		l.Granted(2, 10)
		l.Granted(3, 20)
		time.Sleep(9 * time.Second)
		require.Empty(t, f.revoked())
		time.Sleep(2 * time.Second)
		require.Equal(t, []int64{2}, f.revoked())
		l.Revoked(2)
		time.Sleep(20 * time.Second)
		require.Equal(t, []int64{2, 3, 1}, uniq(f.revoked()))
	})
}

// A leader that lost and regained leadership before it looked gives all leases their time again: another one may have renewed them.
func TestALeaderAgainBeginsAnew(t *testing.T) {
	f := newFake()
	bubble(t, f, func(_ context.Context, l *Lessor) {
		l.Granted(1, 10)
		time.Sleep(9 * time.Second)
		f.set(func() { f.term++ })
		time.Sleep(10 * time.Second)
		require.Empty(t, f.revoked())
		time.Sleep(2 * time.Second)
		require.Equal(t, []int64{1}, uniq(f.revoked()))
	})
}

// What a leader whose disk hangs can't answer is asked of the next one, as soon as there is one.
func TestKeepAliveDoesNotStayWithAnOldLeader(t *testing.T) {
	f := newFake()
	f.hangs = true
	bubble(t, f, func(ctx context.Context, l *Lessor) {
		l.Granted(1, 5)
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		time.AfterFunc(time.Second, func() { f.set(func() { f.leader = false }) })
		_, err := l.KeepAlive(ctx, 1)
		require.Error(t, err)
		require.Positive(t, f.asked)
	})
}

// uniq drops repetitions: a lease whose revocation is not applied is not proposed again, one that failed is.
func uniq(ids []int64) (out []int64) {
	seen := map[int64]bool{}
	for _, id := range ids {
		if !seen[id] {
			out = append(out, id)
		}
		seen[id] = true
	}
	return out
}

func TestAFailedRevocationIsTriedAgain(t *testing.T) {
	f := newFake()
	f.err = errors.New("no quorum")
	bubble(t, f, func(_ context.Context, l *Lessor) {
		l.Granted(1, 1)
		time.Sleep(1100 * time.Millisecond)
		require.Len(t, f.revoked(), 1)
		time.Sleep(2 * time.Second)
		tries := len(f.revoked())
		require.GreaterOrEqual(t, tries, 4)
		l.Revoked(1)
		time.Sleep(5 * time.Second)
		require.LessOrEqual(t, len(f.revoked()), tries+1)
	})
}

func TestALeaderThatIsNotSureProposesNothing(t *testing.T) {
	f := newFake()
	f.barrier = replica.ErrTimeout
	bubble(t, f, func(_ context.Context, l *Lessor) {
		l.Granted(1, 1)
		time.Sleep(5 * time.Second)
		require.Empty(t, f.revoked())
		f.set(func() { f.barrier = nil })
		time.Sleep(time.Second)
		require.NotEmpty(t, f.revoked())
	})
}

func TestFollowerCountsNoTime(t *testing.T) {
	f := newFake()
	f.leader = false
	bubble(t, f, func(ctx context.Context, l *Lessor) {
		l.Granted(1, 10)
		time.Sleep(time.Hour)
		require.Empty(t, f.revoked())
		_, err := l.renew(ctx, 1)
		require.ErrorIs(t, err, ErrNotPrimary)

		f.set(func() { f.leader = true })
		time.Sleep(10500 * time.Millisecond)
		require.Empty(t, f.revoked(), "a new leader adds what the election took")
		time.Sleep(time.Second)
		require.Equal(t, []int64{1}, f.revoked())
		f.set(func() { f.leader = false })
		l.Granted(2, 1)
		time.Sleep(time.Hour)
		require.Equal(t, []int64{1}, f.revoked())
	})
}

func TestCheckpointedLeasesGetWhatIsLeft(t *testing.T) {
	f := newFake()
	bubble(t, f, func(ctx context.Context, l *Lessor) {
		l.Granted(1, 3600)
		time.Sleep(6 * time.Minute)
		f.mu.Lock()
		cp := f.proposed[0].LeaseCheckpoint.Checkpoints[0]
		f.mu.Unlock()
		require.EqualValues(t, 1, cp.ID)
		require.EqualValues(t, 3300, cp.Remaining_TTL)
		l.Checkpointed(1, 100)
		f.set(func() { f.leader = false })
		synctest.Wait()
		f.set(func() { f.leader = true })
		synctest.Wait()
		resp, err := l.timeToLive(ctx, 1, false)
		require.NoError(t, err)
		require.EqualValues(t, 101, resp.TTL)
		require.EqualValues(t, 3600, resp.GrantedTTL)
		ttl, err := l.KeepAlive(ctx, 1)
		require.NoError(t, err)
		require.EqualValues(t, 3600, ttl)
		resp, err = l.timeToLive(ctx, 1, false)
		require.NoError(t, err)
		require.EqualValues(t, 3600, resp.TTL, "a keep-alive clears the checkpoint")
	})
}

func TestAKeepAliveFailsWhileTheCheckpointStays(t *testing.T) {
	f := newFake()
	bubble(t, f, func(ctx context.Context, l *Lessor) {
		l.Granted(1, 3600)
		l.Checkpointed(1, 100)
		f.set(func() { f.err = errors.New("no quorum") })
		_, err := l.KeepAlive(ctx, 1)
		require.ErrorIs(t, err, replica.ErrTimeout)
		f.set(func() { f.err, f.refused = nil, errors.New("refused") })
		_, err = l.KeepAlive(ctx, 1)
		require.ErrorIs(t, err, replica.ErrTimeout)
		f.set(func() { f.refused = nil })
		before := len(f.proposed)
		for range 2 {
			ttl, err := l.KeepAlive(ctx, 1)
			require.NoError(t, err)
			require.EqualValues(t, 3600, ttl)
		}
		require.Len(t, f.proposed[before:], 1, "what failed was not forgotten, what succeeded is not repeated")
	})
}

func TestAnExpiredLeaseIsNotRenewed(t *testing.T) {
	f := newFake()
	bubble(t, f, func(ctx context.Context, l *Lessor) {
		l.Granted(1, 10)
		l.Granted(2, 10)
		time.Sleep(11 * time.Second)
		errs := make(chan error, 1)
		go func() {
			_, err := l.renew(ctx, 1)
			errs <- err
		}()
		synctest.Wait()
		require.Empty(t, errs, "it waits for the revocation under way")
		l.Revoked(1)
		require.ErrorIs(t, <-errs, ErrNotFound)

		go func() {
			_, err := l.renew(ctx, 2)
			errs <- err
		}()
		synctest.Wait()
		f.set(func() { f.leader = false })
		require.ErrorIs(t, <-errs, ErrNotPrimary)
	})
}

func TestAnExpiredLeaseIsNotRenewedBetweenTries(t *testing.T) {
	f := newFake()
	f.err = replica.ErrTimeout // its revocation may yet be applied
	bubble(t, f, func(ctx context.Context, l *Lessor) {
		l.Granted(1, 10)
		time.Sleep(10*time.Second + retryAfter/2)
		require.Len(t, f.revoked(), 1)
		errs := make(chan error, 1)
		go func() {
			_, err := l.renew(ctx, 1)
			errs <- err
		}()
		synctest.Wait()
		require.Empty(t, errs)
		l.Revoked(1)
		require.ErrorIs(t, <-errs, ErrNotFound)
	})
}

func TestKeepAliveGivesUp(t *testing.T) {
	f := newFake()
	f.leader = false
	bubble(t, f, func(ctx context.Context, l *Lessor) {
		start := time.Now()
		_, err := l.KeepAlive(ctx, 1)
		require.ErrorIs(t, err, replica.ErrNoLeader)
		require.GreaterOrEqual(t, time.Since(start), 7*time.Second)
	})
}

func TestLongestLease(t *testing.T) {
	f := newFake()
	bubble(t, f, func(ctx context.Context, l *Lessor) {
		l.Granted(1, apply.LeaseTTLMax)
		resp, err := l.timeToLive(ctx, 1, false)
		require.NoError(t, err)
		require.EqualValues(t, apply.LeaseTTLMax, resp.GrantedTTL)
		require.Empty(t, f.revoked())
	})
}

func TestPeerPort(t *testing.T) {
	l := New(Config{RequestTimeout: time.Second})
	l.replica = newFake()
	l.promote()
	l.Granted(5, 60)
	ask := func(path, method string, body []byte) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		l.PeerHandlers()[path].ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(string(body))))
		return w
	}
	keep := func(id int64) []byte {
		b, err := proto.Marshal(&pb.LeaseKeepAliveRequest{ID: id})
		require.NoError(t, err)
		return b
	}
	ok := ask(keepAlivePath, "POST", keep(5))
	require.Equal(t, http.StatusOK, ok.Code)
	resp := &pb.LeaseKeepAliveResponse{}
	require.NoError(t, proto.Unmarshal(ok.Body.Bytes(), resp))
	require.EqualValues(t, 60, resp.TTL)
	require.Equal(t, http.StatusNotFound, ask(keepAlivePath, "POST", keep(6)).Code)
	require.Equal(t, http.StatusMethodNotAllowed, ask(keepAlivePath, "GET", nil).Code)
	require.Equal(t, http.StatusBadRequest, ask(keepAlivePath, "POST", []byte{0xff}).Code)
	require.Equal(t, http.StatusBadRequest, ask(timeToLivePath, "POST", []byte("\x0a\xff\xff")).Code)
	require.Equal(t, http.StatusBadRequest, ask(timeToLivePath, "POST", make([]byte, 2*requestBytesMax)).Code)

	body, err := wrap(&pb.LeaseTimeToLiveRequest{ID: 5})
	require.NoError(t, err)
	ttl := &pb.LeaseTimeToLiveResponse{}
	require.NoError(t, unwrap(ask(timeToLivePath, "POST", body).Body.Bytes(), ttl))
	require.EqualValues(t, 60, ttl.GrantedTTL)
}

// TestALeaseThatALaterLeaderGrantedIsNotGone asks one who does not know yet that another leads.
func TestALeaseThatALaterLeaderGrantedIsNotGone(t *testing.T) {
	f := &deposed{fake: newFake()}
	l := New(Config{FastKeepAlive: true})
	l.replica, f.lessor = f, l
	l.promote()
	_, err := l.renew(t.Context(), 7)
	require.ErrorIs(t, err, ErrNotPrimary, "the leader must be asked")

	f.again = true
	_, err = l.renew(t.Context(), 7)
	require.ErrorIs(t, err, ErrNotFound)
}

// deposed takes itself for the leader until it asks a majority; after that it is one only if it was elected again.
type deposed struct {
	*fake
	again bool
}

// EnsureLeader implements Replica, by an answer of a moment ago.
func (*deposed) EnsureLeader(context.Context) error { return nil }

// LeadsNow implements Replica.
func (*deposed) LeadsNow(strict bool) bool { return !strict }

// ReadBarrier implements Replica.
func (d *deposed) ReadBarrier(context.Context) error {
	d.leader = d.again
	return nil
}
