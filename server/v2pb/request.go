package v2pb

// Request is a request of API 2 as it stands in a log entry. The number before each field's meaning is the field's in etcd's
// etcdserverpb.Request, so that the logs of etcd up to 3.5 and petcd's mean the same.
type Request struct {
	// ID (1) is by what etcd finds who waits for the answer. petcd leaves it 0: the entry's header has one.
	ID uint64
	// Method (2) is POST, PUT, DELETE, QGET (a linearizable read) or SYNC (the end of what expires up to Time).
	Method string
	// Path (3) in the tree, with its namespace: /1 before a client's key, /2 before what authentication keeps. Like Val and
	// PrevValue it is any bytes.
	Path string
	// Val (4) is the value that the node gets.
	Val string
	// Dir (5) asks for a directory.
	Dir bool
	// PrevValue (6) is the value that the node must have; empty compares nothing.
	PrevValue string
	// PrevIndex (7) is the index of the change that the node must be of; 0 compares nothing.
	PrevIndex uint64
	// PrevExist (8) says whether the node must be there or must not; nil allows both.
	PrevExist *bool
	// Expiration (9) is when the node ends, in nanoseconds of Unix time; 0 means never.
	Expiration int64
	// Wait (10) makes a read a watch.
	Wait bool
	// Since (11) is the index of the first change that a watch sees; 0 stands for the next.
	Since uint64
	// Recursive (12) is about all that is below Path, too.
	Recursive bool
	// Sorted (13) asks for a directory in the order of its keys, which petcd always gives.
	Sorted bool
	// Quorum (14) makes a read linearizable.
	Quorum bool
	// Time (15) is the proposer's clock, in nanoseconds of Unix time. etcd sets it on SYNC only.
	Time int64
	// Stream (16) lets a watch go on after its first change.
	Stream bool
	// Refresh (17) gives the node more time without a new value, and wakes no watcher. nil means no.
	Refresh *bool
}
