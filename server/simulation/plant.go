package simulation

import "github.com/petcd/petcd/storage"

// Hooks plant faults, by which tests show that the checks find them. The zero value plants none.
type Hooks struct {
	SyncsLie       bool // syncs do nothing: answers are given before what they say is durable
	LocalReads     bool // linearizable reads ask nobody
	LocalTreeReads bool // those of API 2 ask nobody
	ProposalsTwice bool // the network repeats proposals
	AllLead        bool // every member's lessor takes its member for the leader
	IndexApart     bool // a crash leaves an applied index without its change
	LoseEvents     bool // clients' watches lose some of what they are given
	LoseTreeEvents bool // those of API 2 do
}

// tearIndex moves the applied index of a state that nobody uses ahead by one, as if index and change were not written at once.
func (m *member) tearIndex() {
	s, err := storage.Open("data/member/state", storage.Options{FS: m.disk, Still: true, FlushInterval: -1})
	if err != nil {
		return // the power was lost before there was one
	}
	if index, term := s.Applied(); index > 0 {
		err = s.NewBatch().Commit(index+1, term)
	}
	if err == nil {
		err = s.Flush()
	}
	if err != nil {
		m.w.checks.fail("plant: %w", err)
	}
	_ = s.Close()
}
