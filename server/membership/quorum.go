package membership

// The checks before a change is proposed. Those of --strict-reconfig-check: a change must not leave a cluster whose started
// members are fewer than its quorum. They look at which members ever started; whether those are connected is the replica's
// question.

// CanAddVoter tells whether one more voter, not started yet, leaves a quorum of started ones.
func (c *Cluster) CanAddVoter() bool {
	started, voters := c.startedVoters(0)
	if started == 1 && voters == 1 {
		// A cluster of one is how a lost cluster is rebuilt; it must be able to grow.
		return true
	}
	return started >= quorum(voters+1)
}

// CanRemoveVoter tells whether the voters without id have a quorum of started ones.
func (c *Cluster) CanRemoveVoter(id uint64) bool {
	started, voters := c.startedVoters(id)
	return started >= quorum(voters)
}

// CanPromote tells whether the voters have a quorum of started ones once a running learner joins them.
func (c *Cluster) CanPromote() bool {
	started, voters := c.startedVoters(0)
	return started+1 >= quorum(voters+1)
}

// CanAddLearner tells whether there may be one more learner. The limit is this member's own setting, so it is asked before
// a change is proposed, and never while one is applied: members that disagree on it would differ for ever.
func (c *Cluster) CanAddLearner() bool {
	return len(c.Members())-len(c.Voters()) < c.learnersMax
}

// startedVoters counts the voters and the started ones among them, leaving out except.
func (c *Cluster) startedVoters(except uint64) (started, voters int) {
	for _, m := range c.Members() {
		if m.IsLearner || m.ID == except {
			continue
		}
		voters++
		if m.IsStarted() {
			started++
		}
	}
	return started, voters
}

func quorum(voters int) int { return voters/2 + 1 }
