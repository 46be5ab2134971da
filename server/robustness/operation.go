package robustness

import (
	"fmt"
	"time"
)

// Kind is what an operation does to a key.
type Kind uint8

// The kinds of operations.
const (
	Get    Kind = iota // linearizable read
	Put                // unconditional write
	Delete             // of the one key
	Swap               // write if the key has the expected value (Expect "": does not exist), else read it
)

// String names the kind as in failure messages.
func (k Kind) String() string {
	switch k {
	case Get:
		return "get"
	case Put:
		return "put"
	case Delete:
		return "delete"
	case Swap:
		return "swap"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Operation is one operation on one key as a client saw it. A transaction that puts several keys
// becomes one operation for each.
type Operation struct {
	Client int
	Kind   Kind
	Key    string
	Value  string // written by Put and Swap
	Expect string // of Swap
	At     int64  // of Swap: asks for this revision of the key in the place of its value, unless 0

	Call   time.Duration // since the campaign began
	Return time.Duration // meaningless while not Known

	Known  bool // answered; else ambiguous (I1)
	Answer Answer
}

// Answer is what the server said.
type Answer struct {
	Done        bool   // Swap: the condition held; Delete: there was a key
	Found       bool   // Get, failed Swap: the key exists
	Value       string // if Found
	ModRevision int64  // if Found; untold if the answer has none
	Revision    int64  // of the header
}

// untold is the ModRevision of an answer that has none, as API 2's refusals of a comparison, which tell the value, and of a
// creation, which do not tell that either (Value "").
const untold = -1

// String shows the operation on a line.
func (o Operation) String() string {
	arg := ""
	switch o.Kind {
	case Put:
		arg = "=" + o.Value
	case Swap:
		arg = fmt.Sprintf("=%s if %q", o.Value, o.Expect)
	case Get, Delete:
	}
	if !o.Known {
		return fmt.Sprintf("client %d %v %s%s [%v, ambiguous]", o.Client, o.Kind, o.Key, arg, o.Call)
	}
	return fmt.Sprintf("client %d %v %s%s [%v, %v] -> %+v", o.Client, o.Kind, o.Key, arg, o.Call, o.Return, o.Answer)
}
