package v2store

import "time"

// Action names what an Event is of, with the words that API 2 answers with.
type Action string

// The actions of API 2.
const (
	Get              Action = "get"
	Create           Action = "create"
	Set              Action = "set"
	Update           Action = "update"
	Delete           Action = "delete"
	CompareAndSwap   Action = "compareAndSwap"
	CompareAndDelete Action = "compareAndDelete"
	Expire           Action = "expire"
)

// Event is the answer to a request, and what a watcher sees of a change. It is
// shared by all who read it: never change one.
type Event struct {
	Action   Action `json:"action"`
	Node     *Node  `json:"node,omitempty"`
	PrevNode *Node  `json:"prevNode,omitempty"`
	// Refresh marks a change of nothing but the time to live. Watchers do not see it.
	Refresh bool `json:"refresh,omitempty"`
	// Index is the tree's index when the answer was made. It is not part of the body.
	Index uint64 `json:"-"`
}

// Node is a node of the tree as answers show it.
type Node struct {
	Key           string     `json:"key,omitempty"`
	Value         *string    `json:"value,omitempty"` // nil for a directory
	Dir           bool       `json:"dir,omitempty"`
	Expiration    *time.Time `json:"expiration,omitempty"` // UTC
	TTL           int64      `json:"ttl,omitempty"`        // seconds, rounded up
	Nodes         []*Node    `json:"nodes,omitempty"`      // in order of their keys
	ModifiedIndex uint64     `json:"modifiedIndex,omitempty"`
	CreatedIndex  uint64     `json:"createdIndex,omitempty"`
}

// Created tells whether the event made a node that was not there before, which
// clients are told by the status of the answer.
func (e *Event) Created() bool {
	return e.Action == Create || e.Action == Set && e.PrevNode == nil
}
