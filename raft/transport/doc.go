// Package transport carries Raft messages and snapshots between members over HTTP, in the shape of etcd's peer protocol.
// Read Transport first, then peer.
//
// It knows nothing of what it carries beyond a message's type, sender and receiver. It refuses members of other clusters,
// members of incompatible versions and members that were removed. It never makes its caller wait: a message that finds no
// room is dropped and reported, and Raft sends it again if it matters.
//
// # On the wire
//
//	GET  /raft/stream/message/<id>  the member <id> reads here what the answering member has for it: messages, each with
//	                                its length before it (8 bytes, big endian)
//	GET  /raft/stream/msgapp/<id>   the same for appends, in the format of etcd's msgappv2 stream (see msgapp.go)
//	POST /raft                      one message, while there is no stream
//	POST /raft/snapshot             a MsgSnap with its length before it, and then the state
//	GET  /raft/probing              {"OK":true,"Now":...}, timed for the round-trip metric
//
// Ids are hexadecimal. Requests say who asks: X-Server-From, X-Server-Version, X-Min-Cluster-Version, X-Etcd-Cluster-ID,
// X-Raft-To (streams), X-PeerURLs. An idle stream carries a heartbeat of the link (a MsgHeartbeat of nobody to nobody), so
// that a reader notices within ioTimeout that the other end is gone.
//
// # Invariants
//
//	T1  Send doesn't block: not for a peer, not for a disk, not for a name server.
//	T2  A snapshot that was asked for is reported exactly once, as arrived or not.
//	T3  Nothing that is read makes an allocation larger than its cap before as many bytes have come.
//	T4  A large message holds up no heartbeat: appends and snapshots have connections of their own.
//
// # Concurrency
//
// Every method may be called from any goroutine. Each peer has two goroutines that read its streams, some that post, and
// one that probes; the streams to it are written by the HTTP server's goroutines that serve its requests.
package transport
