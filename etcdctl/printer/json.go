package printer

import (
	"encoding/json"
	"strconv"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// jsonFormat marshals the response structs themselves (not by protobuf's JSON
// mapping): bytes become base64, int64 stay numbers, enums are numbers and the
// names are the structs' tags.
type jsonFormat struct{ o Options }

func (j *jsonFormat) Print(reply any) error {
	v := response(reply)
	if txn, ok := v.(*clientv3.TxnResponse); ok {
		v = jsonTxn((*pb.TxnResponse)(txn))
	}
	if j.o.Hex {
		v = hexMembership(v)
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = j.o.Out.Write(append(line, '\n'))
	return err
}

// txnJSON mirrors TxnResponse. encoding/json cannot name the cases of the
// oneof inside, so each gets a field of its own.
type txnJSON struct {
	Header    *pb.ResponseHeader `json:"header,omitempty"`
	Succeeded bool               `json:"succeeded,omitempty"`
	Responses []opJSON           `json:"responses,omitempty"`
}

// opJSON is one operation's response; at most one field is set.
type opJSON struct {
	Response struct {
		Range       *pb.RangeResponse       `json:"response_range,omitempty"`
		Put         *pb.PutResponse         `json:"response_put,omitempty"`
		DeleteRange *pb.DeleteRangeResponse `json:"response_delete_range,omitempty"`
		Txn         *txnJSON                `json:"response_txn,omitempty"`
	} `json:"Response"`
}

func jsonTxn(r *pb.TxnResponse) *txnJSON {
	t := &txnJSON{Header: r.GetHeader(), Succeeded: r.GetSucceeded()}
	for _, op := range r.GetResponses() {
		var o opJSON
		switch v := op.GetResponse().(type) {
		case *pb.ResponseOp_ResponseRange:
			o.Response.Range = v.ResponseRange
		case *pb.ResponseOp_ResponsePut:
			o.Response.Put = v.ResponsePut
		case *pb.ResponseOp_ResponseDeleteRange:
			o.Response.DeleteRange = v.ResponseDeleteRange
		case *pb.ResponseOp_ResponseTxn:
			o.Response.Txn = jsonTxn(v.ResponseTxn)
		}
		t.Responses = append(t.Responses, o)
	}
	return t
}

// hexHeader and hexMember are the header and the member with their ids as
// strings. Only replies about membership have them; --hex leaves every other
// reply's ids as numbers.
type hexHeader struct {
	ClusterID string `json:"cluster_id"`
	MemberID  string `json:"member_id"`
	Revision  int64  `json:"revision,omitempty"`
	RaftTerm  uint64 `json:"raft_term,omitempty"`
}

type hexMember struct {
	ID         string   `json:"ID"`
	Name       string   `json:"name,omitempty"`
	PeerURLs   []string `json:"peerURLs,omitempty"`
	ClientURLs []string `json:"clientURLs,omitempty"`
	IsLearner  bool     `json:"isLearner,omitempty"`
}

// hexMembers is a reply about membership; hexMemberAdded has the new member too.
type hexMembers struct {
	Header  *hexHeader   `json:"header"`
	Members []*hexMember `json:"members"`
}

type hexMemberAdded struct {
	Header  *hexHeader   `json:"header"`
	Member  *hexMember   `json:"member"`
	Members []*hexMember `json:"members"`
}

// hexMembership returns v with hexadecimal ids if it is about membership, and
// v itself otherwise.
func hexMembership(v any) any {
	switch r := v.(type) {
	case *clientv3.MemberAddResponse:
		return hexMemberAdded{toHexHeader(r.Header), toHexMember(r.Member), toHexMembers(r.Members)}
	case *clientv3.MemberRemoveResponse:
		return hexMembers{toHexHeader(r.Header), toHexMembers(r.Members)}
	case *clientv3.MemberUpdateResponse:
		return hexMembers{toHexHeader(r.Header), toHexMembers(r.Members)}
	case *clientv3.MemberPromoteResponse:
		return hexMembers{toHexHeader(r.Header), toHexMembers(r.Members)}
	case *clientv3.MemberListResponse:
		return hexMembers{toHexHeader(r.Header), toHexMembers(r.Members)}
	}
	return v
}

func toHexHeader(h *pb.ResponseHeader) *hexHeader {
	return &hexHeader{
		ClusterID: strconv.FormatUint(h.GetClusterId(), 16),
		MemberID:  strconv.FormatUint(h.GetMemberId(), 16),
		Revision:  h.GetRevision(),
		RaftTerm:  h.GetRaftTerm(),
	}
}

func toHexMember(m *pb.Member) *hexMember {
	return &hexMember{
		ID:         strconv.FormatUint(m.GetID(), 16),
		Name:       m.GetName(),
		PeerURLs:   m.GetPeerURLs(),
		ClientURLs: m.GetClientURLs(),
		IsLearner:  m.GetIsLearner(),
	}
}

func toHexMembers(members []*pb.Member) []*hexMember {
	hex := make([]*hexMember, len(members))
	for i, m := range members {
		hex[i] = toHexMember(m)
	}
	return hex
}
