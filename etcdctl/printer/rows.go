package printer

import (
	"fmt"
	"strconv"
	"strings"

	humanize "github.com/dustin/go-humanize"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// rows gives the replies that are lists of members or endpoints as lines of
// cells: the table format draws them, the simple format joins them by commas.
// The false says that the reply is not such a list.
func rows(reply any) (header []string, lines [][]string, ok bool) {
	switch r := reply.(type) {
	case *clientv3.MemberListResponse:
		header, lines = memberRows((*pb.MemberListResponse)(r).GetMembers())
	case []EndpointHealth:
		header, lines = healthRows(r)
	case []EndpointStatus:
		header, lines = statusRows(r)
	case []EndpointHash:
		header, lines = hashRows(r)
	case SnapshotStatus:
		header, lines = snapshotRows(r)
	default:
		return nil, nil, false
	}
	return header, lines, true
}

func memberRows(members []*pb.Member) (header []string, lines [][]string) {
	header = []string{"ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"}
	for _, m := range members {
		status := "started"
		if m.GetName() == "" {
			status = "unstarted" // a member publishes its name when it starts
		}
		lines = append(lines, []string{
			strconv.FormatUint(m.GetID(), 16),
			status,
			m.GetName(),
			strings.Join(m.GetPeerURLs(), ","),
			strings.Join(m.GetClientURLs(), ","),
			strconv.FormatBool(m.GetIsLearner()),
		})
	}
	return header, lines
}

func healthRows(endpoints []EndpointHealth) (header []string, lines [][]string) {
	header = []string{"endpoint", "health", "took", "error"}
	for _, e := range endpoints {
		lines = append(lines, []string{e.Endpoint, strconv.FormatBool(e.Health), e.Took, e.Error})
	}
	return header, lines
}

func statusRows(endpoints []EndpointStatus) (header []string, lines [][]string) {
	header = []string{
		"endpoint", "ID", "version", "storage version", "db size", "in use", "percentage not in use", "quota",
		"is leader", "is learner", "raft term", "raft index", "raft applied index", "errors",
		"downgrade target version", "downgrade enabled",
	}
	for _, e := range endpoints {
		s := (*pb.StatusResponse)(e.Status)
		lines = append(lines, []string{
			e.Endpoint,
			strconv.FormatUint(s.GetHeader().GetMemberId(), 16),
			s.GetVersion(),
			s.GetStorageVersion(),
			humanize.Bytes(uint64(s.GetDbSize())),
			humanize.Bytes(uint64(s.GetDbSizeInUse())),
			percentFree(s.GetDbSize(), s.GetDbSizeInUse()),
			humanize.Bytes(uint64(s.GetDbSizeQuota())),
			strconv.FormatBool(s.GetLeader() == s.GetHeader().GetMemberId()),
			strconv.FormatBool(s.GetIsLearner()),
			strconv.FormatUint(s.GetRaftTerm(), 10),
			strconv.FormatUint(s.GetRaftIndex(), 10),
			strconv.FormatUint(s.GetRaftAppliedIndex(), 10),
			strings.Join(s.GetErrors(), ", "),
			s.GetDowngradeInfo().GetTargetVersion(),
			strconv.FormatBool(s.GetDowngradeInfo().GetEnabled()),
		})
	}
	return header, lines
}

// percentFree is the share of the store's size that no data uses, rounded up
// as etcdctl does. A server that reports no size has nothing free.
func percentFree(size, inUse int64) string {
	if size <= 0 {
		return "0%"
	}
	return fmt.Sprintf("%d%%", 100-inUse*100/size)
}

func hashRows(endpoints []EndpointHash) (header []string, lines [][]string) {
	header = []string{"endpoint", "hash", "hash_revision"}
	for _, e := range endpoints {
		h := (*pb.HashKVResponse)(e.HashKV)
		lines = append(lines, []string{
			e.Endpoint,
			strconv.FormatUint(uint64(h.GetHash()), 10),
			strconv.FormatInt(h.GetHashRevision(), 10),
		})
	}
	return header, lines
}

func snapshotRows(s SnapshotStatus) (header []string, lines [][]string) {
	header = []string{"hash", "revision", "total keys", "total size", "version"}
	return header, [][]string{{
		strconv.FormatUint(uint64(s.Hash), 16),
		strconv.FormatInt(s.Revision, 10),
		strconv.Itoa(s.TotalKey),
		humanize.Bytes(uint64(s.TotalSize)),
		s.Version,
	}}
}
