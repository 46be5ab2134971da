package rpc

import "time"

const (
	// frameMax is the largest frame either side sends: HTTP/2's default, which every peer takes.
	frameMax = 16 << 10
	// windowStart is what a client may send on a new stream: HTTP/2's default.
	windowStart = 65535
	// windowMax is the largest window there can be (RFC 9113, 6.9.1).
	windowMax = 1<<31 - 1
	// settingsMax is how many settings a frame may have: each may cost a walk over all streams.
	settingsMax = 32
	// tableStart is the size of a header table that nobody has set.
	tableStart = 4096
	// prefixLen is what stands before each message: whether it is compressed, and its length.
	prefixLen = 5
	// readBuffer is how much of a connection is read at once. It stays with the connection.
	readBuffer = 8 << 10
	// keptBuffer is the largest write buffer that a connection keeps while it has nothing to write.
	keptBuffer = 16 << 10
	// frameHeader is the size of what every frame begins with.
	frameHeader = 9
	// cachedHead is the size of the largest request head that is kept for the next call of its method.
	cachedHead = 4 << 10
	// idleWorkers is how many goroutines wait for a call; their stacks have grown already.
	idleWorkers = 1024
)

// queuedMax is how many bytes of messages are put into the write buffer, but for the last one's frame.
const queuedMax = 256 << 10

// largeSizes are the sizes of write buffers that are not kept; the last takes all that pump puts in.
var largeSizes = [...]int{32 << 10, 64 << 10, 128 << 10, queuedMax + 2*frameMax}

// limits bound what one client can cost. They are the same for every server; tests have smaller ones.
type limits struct {
	headerList    int           // bytes of a request's head, decoded, as RFC 9113 (6.5.2) counts them
	continuations int           // frames after the first that a head may come in
	window        int64         // bytes that a client may send ahead on a connection
	promised      int64         // windows beyond windowStart given for large messages, a connection
	held          int64         // bytes of messages that are not whole or not taken yet, a connection
	queued        int           // bytes of messages in the write buffer; twice as much stops handlers, four times ends the connection
	stalled       time.Duration // how long a write may take, while which handlers may be stopped
	untaken       time.Duration // how long an answer may wait for a window without any of it being sent
	zombies       int           // handlers whose client has given up; with so many its new calls are refused
	idle          int           // frames that carry nothing, since something was last sent
	drain         time.Duration // how long a client may take to confirm that it knows of the end
	linger        time.Duration // how long a connection that broke the rules stays open for its client to read why
}

// defaultLimits are far above what clients of etcd do.
var defaultLimits = limits{
	headerList:    64 << 10,
	continuations: 32,
	window:        1 << 20,
	promised:      64 << 20,
	held:          256 << 20,
	queued:        queuedMax,
	stalled:       30 * time.Second,
	untaken:       time.Minute,
	zombies:       256,
	idle:          10_000,
	drain:         5 * time.Second,
	linger:        time.Second,
}
