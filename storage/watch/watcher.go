package watch

// watcher is one watch: a range of keys and a cursor.
type watcher struct {
	group    *Group
	id       int64
	key, end []byte // as they came: what History understands
	span     span
	options  Options
	start    int64 // no event below it is given (I1)
	asked    int64 // the start revision as it came, 0: from now

	place int // in its bucket; guarded by Hub.mu

	// Guarded by the group's mu.

	queued  bool  // in the group's ready list, or in its turn
	next    int64 // the first revision not looked at; idle: a bound below it
	upto    int64 // queued: no later revision has anything for it so far
	ended   bool  // canceled, or ended by compaction
	history bool  // the last turn had to read history
	// compacted is set when the start revision was compacted from the start.
	compacted bool
}

// wants says whether an event of this kind is asked for.
func (o *Options) wants(deleted bool) bool {
	if deleted {
		return !o.NoDelete
	}
	return !o.NoPut
}
