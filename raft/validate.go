package raft

import (
	"fmt"

	etcdraft "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// validate refuses messages from the network that the raft library would take for its own, or panic on.
func validate(id uint64, m *raftpb.Message) error {
	switch {
	case m == nil:
		return fmt.Errorf("%w: nil", ErrMessage)
	case m.GetTo() != id:
		return fmt.Errorf("%w: %s for member %x", ErrMessage, m.GetType(), m.GetTo())
	case m.GetFrom() == etcdraft.None, m.GetFrom() == id, etcdraft.IsLocalMsgTarget(m.GetFrom()):
		return fmt.Errorf("%w: %s from member %x", ErrMessage, m.GetType(), m.GetFrom())
	case len(m.GetResponses()) > 0:
		return fmt.Errorf("%w: %s carries responses", ErrMessage, m.GetType())
	}
	switch m.GetType() {
	case raftpb.MsgProp:
		return validateProposals(m)
	case raftpb.MsgApp:
		return validateEntries(m)
	case raftpb.MsgSnap:
		if m.GetSnapshot().GetMetadata().GetIndex() == 0 || m.GetSnapshot().GetMetadata().GetConfState() == nil {
			return fmt.Errorf("%w: %s without a snapshot", ErrMessage, m.GetType())
		}
	case raftpb.MsgReadIndex, raftpb.MsgReadIndexResp:
		if len(m.GetEntries()) != 1 {
			return fmt.Errorf("%w: %s with %d entries", ErrMessage, m.GetType(), len(m.GetEntries()))
		}
	case raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp:
		if n := len(m.GetContext()); n != 0 && n != 8 {
			return fmt.Errorf("%w: %s with a context of %d bytes", ErrMessage, m.GetType(), n)
		}
	case raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgPreVote, raftpb.MsgPreVoteResp:
		if m.GetTerm() == 0 {
			return fmt.Errorf("%w: %s without a term", ErrMessage, m.GetType())
		}
	case raftpb.MsgAppResp, raftpb.MsgTransferLeader, raftpb.MsgTimeoutNow:
	default:
		return fmt.Errorf("%w: %s from the network", ErrMessage, m.GetType())
	}
	return nil
}

// validateProposals checks a forwarded proposal: the leader panics on an empty one and on a change it can't decode.
func validateProposals(m *raftpb.Message) error {
	if len(m.GetEntries()) == 0 {
		return fmt.Errorf("%w: empty proposal", ErrMessage)
	}
	for _, e := range m.GetEntries() {
		var err error
		switch e.GetType() {
		case raftpb.EntryNormal:
		case raftpb.EntryConfChange:
			err = proto.Unmarshal(e.GetData(), &raftpb.ConfChange{})
		case raftpb.EntryConfChangeV2:
			err = proto.Unmarshal(e.GetData(), &raftpb.ConfChangeV2{})
		default:
			err = fmt.Errorf("entry type %d", e.GetType())
		}
		if err != nil {
			return fmt.Errorf("%w: proposal: %w", ErrMessage, err)
		}
	}
	return nil
}

// validateEntries checks that appended entries follow each other in index and term.
func validateEntries(m *raftpb.Message) error {
	index, term := m.GetIndex(), m.GetLogTerm()
	for _, e := range m.GetEntries() {
		index++
		if e.GetIndex() != index || e.GetTerm() < term || e.GetTerm() > m.GetTerm() || e.GetType() > raftpb.EntryConfChangeV2 {
			return fmt.Errorf("%w: entry %d of term %d after %d of term %d", ErrMessage, e.GetIndex(), e.GetTerm(), index-1, term)
		}
		term = e.GetTerm()
	}
	return nil
}
