package robustness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/petcd/petcd/server/process"
)

const (
	// healthTimeout bounds the return of a cluster all of whose members run and reach each other.
	healthTimeout = 60 * time.Second
	// heartbeat and election are short, so that a run sees many elections.
	heartbeat = 30 * time.Millisecond
	election  = 300 * time.Millisecond
	// answerMax admits an epoch's whole history or state in one message.
	answerMax = 256 << 20
)

// Cluster is a cluster with a network that can be cut between its members, and one client connection
// to each.
type Cluster struct {
	procs     *process.Cluster
	machines  []machine // by member, as conns and endpoints are
	network   *network
	conns     []*grpc.ClientConn
	endpoints []string

	oldest int64 // nobody asks for revisions below any more: faults may compact up to here
}

// machine is what a member runs on.
type machine interface {
	// Start begins a new life of the member, with what the last one left.
	Start() error
	// Kill ends it at once: the process, or the machine's power.
	Kill() error
	WaitHealthy(ctx context.Context) error
	LogTail(lines int) string
}

// Frequent are flags that make a run meet rare events more often: followers that need a snapshot,
// watch progress. A real etcd 3.4 does not know them.
func Frequent() []string {
	return []string{"--snapshot-catchup-entries=50", "--watch-progress-notify-interval=200ms"}
}

// StartCluster starts members of the given server binary below root. The log is cut early, so that
// restarts replay little.
func StartCluster(ctx context.Context, binary, root string, members int, flags ...string) (*Cluster, error) {
	return startOn(ctx, func(m *process.Member) (machine, error) { return m, nil }, binary, root, members, flags...)
}

// startOn is StartCluster on machines that are more than a process.
func startOn(ctx context.Context, machineOf func(*process.Member) (machine, error), binary, root string, members int, flags ...string,
) (*Cluster, error) {
	c := &Cluster{network: newNetwork()}
	var err error
	c.procs, err = process.New(process.Config{
		Binary:  binary,
		Members: members,
		Root:    root,
		Token:   "robustness",
		Flags: append([]string{
			fmt.Sprintf("--heartbeat-interval=%d", heartbeat.Milliseconds()),
			fmt.Sprintf("--election-timeout=%d", election.Milliseconds()),
			"--snapshot-count=200",
		}, flags...),
		AdvertisePeer: c.network.attach,
	})
	if err == nil {
		err = c.network.err
	}
	for i := 0; err == nil && i < members; i++ {
		var m machine
		if m, err = machineOf(c.procs.Member(i)); err == nil {
			err = c.dial(m, c.procs.Member(i).ClientURL)
		}
		if err == nil {
			err = m.Start()
		}
	}
	if err == nil {
		err = c.WaitHealthy(ctx)
	}
	if err == nil {
		err = c.learnNames(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("robustness: start cluster: %w", err), c.Close())
	}
	return c, nil
}

// dialMember is dial for a process.
func (c *Cluster) dialMember(m *process.Member) error { return c.dial(m, m.ClientURL) }

// dial adds a member, with its client connection, which comes back soon after a restart.
func (c *Cluster) dial(m machine, endpoint string) error {
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(endpoint, "http://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 300 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(answerMax)))
	if err != nil {
		return fmt.Errorf("dial %s: %w", endpoint, err)
	}
	c.conns, c.machines, c.endpoints = append(c.conns, conn), append(c.machines, m), append(c.endpoints, endpoint)
	return nil
}

// learnNames tells the network which member has which ID.
func (c *Cluster) learnNames(ctx context.Context) error {
	list, err := pb.NewClusterClient(c.conns[0]).MemberList(ctx, &pb.MemberListRequest{})
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	names := make(map[uint64]string)
	for _, m := range list.Members {
		names[m.ID] = m.Name
	}
	c.network.setNames(names)
	return nil
}

// Close kills what runs and closes what is open; the data stays for inspection.
func (c *Cluster) Close() error {
	for _, conn := range c.conns {
		_ = conn.Close() // only says that it was closed before
	}
	var errs []error
	for _, m := range c.machines {
		if err := m.Kill(); err != nil && !errors.Is(err, process.ErrNotRunning) {
			errs = append(errs, err)
		}
	}
	c.network.Close()
	return errors.Join(errs...)
}

// WaitHealthy waits for all members; what stands in the way is an ErrUnhealthy with the log's end.
func (c *Cluster) WaitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	for _, m := range c.machines {
		if err := m.WaitHealthy(ctx); err != nil {
			return fmt.Errorf("%w: %w", ErrUnhealthy, err)
		}
	}
	return nil
}

// leader finds the index of the member that says it leads, by the newest term; -1 when none does.
func (c *Cluster) leader(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, election)
	defer cancel()
	leader, term := -1, uint64(0)
	for i, conn := range c.conns {
		st, err := pb.NewMaintenanceClient(conn).Status(ctx, &pb.StatusRequest{})
		if err == nil && st.Leader != 0 && st.Leader == st.Header.GetMemberId() && st.RaftTerm >= term {
			leader, term = i, st.RaftTerm
		}
	}
	return leader
}

// wait lets time pass, as a fault or a load must; false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
