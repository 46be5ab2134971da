package v2store

import "sync/atomic"

// Stats are how often what was asked of the tree on this member since it was
// started, as /v2/stats/store shows it.
type Stats struct {
	GetSuccess              uint64 `json:"getsSuccess"`
	GetFail                 uint64 `json:"getsFail"`
	SetSuccess              uint64 `json:"setsSuccess"`
	SetFail                 uint64 `json:"setsFail"`
	DeleteSuccess           uint64 `json:"deleteSuccess"`
	DeleteFail              uint64 `json:"deleteFail"`
	UpdateSuccess           uint64 `json:"updateSuccess"`
	UpdateFail              uint64 `json:"updateFail"`
	CreateSuccess           uint64 `json:"createSuccess"`
	CreateFail              uint64 `json:"createFail"`
	CompareAndSwapSuccess   uint64 `json:"compareAndSwapSuccess"`
	CompareAndSwapFail      uint64 `json:"compareAndSwapFail"`
	CompareAndDeleteSuccess uint64 `json:"compareAndDeleteSuccess"`
	CompareAndDeleteFail    uint64 `json:"compareAndDeleteFail"`
	ExpireCount             uint64 `json:"expireCount"`
	Watchers                uint64 `json:"watchers"`
}

// outcomes counts one kind of operation.
type outcomes struct{ done, refused atomic.Uint64 }

// note counts one operation.
func (o *outcomes) note(err error) {
	if err == nil {
		o.done.Add(1)
	} else {
		o.refused.Add(1)
	}
}

// total is how many operations there were.
func (o *outcomes) total() uint64 { return o.done.Load() + o.refused.Load() }

// Counters count what is asked of the tree. The zero value is at zero.
type Counters struct {
	get, getRecursive                outcomes
	set, create, update, remove      outcomes
	compareAndSwap, compareAndDelete outcomes
	expired, watches                 atomic.Uint64
}

// write is the counter of an action that changes.
func (c *Counters) write(a Action) *outcomes {
	switch a {
	case Create:
		return &c.create
	case Update:
		return &c.update
	case Delete:
		return &c.remove
	case CompareAndSwap:
		return &c.compareAndSwap
	case CompareAndDelete:
		return &c.compareAndDelete
	}
	return &c.set
}

// NoteGet counts a read.
func (c *Counters) NoteGet(recursive bool, err error) {
	if recursive {
		c.getRecursive.note(err)
	} else {
		c.get.note(err)
	}
}

// NoteWatch counts a watch that was asked for.
func (c *Counters) NoteWatch() { c.watches.Add(1) }

// Stats are the counters as they are now.
func (c *Counters) Stats() Stats {
	return Stats{
		GetSuccess:              c.get.done.Load() + c.getRecursive.done.Load(),
		GetFail:                 c.get.refused.Load() + c.getRecursive.refused.Load(),
		SetSuccess:              c.set.done.Load(),
		SetFail:                 c.set.refused.Load(),
		DeleteSuccess:           c.remove.done.Load(),
		DeleteFail:              c.remove.refused.Load(),
		UpdateSuccess:           c.update.done.Load(),
		UpdateFail:              c.update.refused.Load(),
		CreateSuccess:           c.create.done.Load(),
		CreateFail:              c.create.refused.Load(),
		CompareAndSwapSuccess:   c.compareAndSwap.done.Load(),
		CompareAndSwapFail:      c.compareAndSwap.refused.Load(),
		CompareAndDeleteSuccess: c.compareAndDelete.done.Load(),
		CompareAndDeleteFail:    c.compareAndDelete.refused.Load(),
		ExpireCount:             c.expired.Load(),
	}
}
