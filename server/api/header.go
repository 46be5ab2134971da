package api

import pb "go.etcd.io/etcd/api/v3/etcdserverpb"

// fill completes a header that carries at most a revision. A header without
// one gets the store's.
func (s *Server) fill(h *pb.ResponseHeader) {
	s.fillIDs(h)
	if h.Revision == 0 {
		h.Revision = s.replica.Store().Revision()
	}
}

// fillIDs completes a header but for its revision.
func (s *Server) fillIDs(h *pb.ResponseHeader) {
	st := s.replica.Status()
	h.ClusterId, h.MemberId, h.RaftTerm = st.ClusterID, st.MemberID, st.Term
}

// header is a whole header at the store's revision.
func (s *Server) header() *pb.ResponseHeader {
	h := &pb.ResponseHeader{}
	s.fill(h)
	return h
}
