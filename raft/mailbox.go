package raft

import "sync"

// mailbox is a queue of many producers and one consumer that takes everything at once. It has no bound of its own: what
// goes through it is bounded by raft's flow control, or by the producer.
type mailbox[T any] struct {
	wake chan<- struct{} // capacity 1, the consumer waits on its other end; nil if put is not used

	mu    sync.Mutex
	items []T
	bytes int // of those that were put with a bound
}

// put adds items and wakes the consumer.
func (b *mailbox[T]) put(items ...T) {
	b.putQuietly(items...)
	signal(b.wake)
}

// putQuietly adds items that the consumer shall find when something else wakes it: a wake-up costs more than most of what
// it is for.
func (b *mailbox[T]) putQuietly(items ...T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, items...)
}

// putBounded is putQuietly, unless itemsMax items are waiting already, or with this one of size bytes more than bytesMax would.
// Into an empty mailbox everything fits: nothing else would ever make room for what is larger.
func (b *mailbox[T]) putBounded(item T, size, itemsMax, bytesMax int) bool {
	b.mu.Lock()
	full := len(b.items) >= itemsMax || (len(b.items) > 0 && b.bytes+size > bytesMax)
	if !full {
		b.items = append(b.items, item)
		b.bytes += size
	}
	b.mu.Unlock()
	return !full
}

// empty tells that nothing waits.
func (b *mailbox[T]) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items) == 0
}

// take returns all items. used is the slice of an earlier take, which is emptied and becomes the next queue.
func (b *mailbox[T]) take(used []T) []T {
	clear(used)
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items, b.bytes = used[:0], 0
	return items
}

// signal wakes the one who waits on c, or the next one to wait.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
