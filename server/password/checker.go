package password

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"runtime"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// rememberedMax bounds the passwords that are remembered.
const rememberedMax = 4096

// Checker hashes and compares passwords.
type Checker struct {
	cost  int
	slots chan struct{} // as many as may run at a time (I2)
	key   [32]byte

	// decoy is a hash that no password is known to have, made when it is first needed.
	decoy func() []byte

	mu         sync.Mutex
	remembered map[[sha256.Size]byte]struct{}
}

// NewChecker makes a Checker. A cost that bcrypt does not have is replaced by its default.
func NewChecker(cost int, logger *slog.Logger) *Checker {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		logger.Warn("use default bcrypt cost instead of the invalid given cost", "min-cost", bcrypt.MinCost,
			"max-cost", bcrypt.MaxCost, "default-cost", bcrypt.DefaultCost, "given-cost", cost)
		cost = bcrypt.DefaultCost
	}
	c := &Checker{cost: cost, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	_, _ = rand.Read(c.key[:]) // never fails: see crypto/rand
	c.decoy = sync.OnceValue(func() []byte {
		hash, _ := bcrypt.GenerateFromPassword([]byte(rand.Text()), c.cost) // cost and length are good
		return hash
	})
	c.Forget()
	return c
}

// Hash makes the hash of a password of at most 72 bytes. Its error is ctx's or bcrypt's.
func (c *Checker) Hash(ctx context.Context, password string) (hash []byte, err error) {
	slotErr := c.slotted(ctx, func() { hash, err = bcrypt.GenerateFromPassword([]byte(password), c.cost) })
	if slotErr != nil {
		return nil, slotErr
	}
	return hash, err
}

// Matches compares a password with its owner's hash. Its error is ctx's.
func (c *Checker) Matches(ctx context.Context, owner string, hash []byte, password string) (ok bool, err error) {
	mac := c.mac(owner, hash, password)
	if c.remembers(mac) {
		return true, nil
	}
	err = c.slotted(ctx, func() { ok = bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil })
	if ok {
		c.remember(mac)
	}
	return ok, err
}

// MatchesNobody takes as long as Matches takes to refuse a password, so that the time of an answer does not tell who is a
// user. Its error is ctx's.
func (c *Checker) MatchesNobody(ctx context.Context, password string) error {
	return c.slotted(ctx, func() { _ = bcrypt.CompareHashAndPassword(c.decoy(), []byte(password)) })
}

// Forget forgets all passwords.
func (c *Checker) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remembered = map[[sha256.Size]byte]struct{}{}
}

// Remembered is how many passwords are remembered.
func (c *Checker) Remembered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.remembered)
}

// mac names a password that belongs to an owner's hash.
func (c *Checker) mac(owner string, hash []byte, password string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, c.key[:])
	for _, part := range [][]byte{[]byte(owner), hash} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	h.Write([]byte(password))
	h.Sum(sum[:0])
	return sum
}

func (c *Checker) remembers(mac [sha256.Size]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.remembered[mac]
	return known
}

func (c *Checker) remember(mac [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.remembered) >= rememberedMax {
		clear(c.remembered)
	}
	c.remembered[mac] = struct{}{}
}

// slotted calls f when few enough others run.
func (c *Checker) slotted(ctx context.Context, f func()) error {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.slots }()
	f()
	return nil
}
