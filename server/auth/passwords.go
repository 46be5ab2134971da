package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"runtime"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// verifiedMax bounds the verified passwords that are remembered.
const verifiedMax = 4096

// passwords hashes and compares. bcrypt is slow by design, so what was found to match is remembered, as a MAC under a key
// that this process alone has. The stored hash is in the MAC: a changed password has another one.
type passwords struct {
	cost  int
	slots chan struct{} // as many as may run at a time (I4)

	key      [32]byte
	mu       sync.Mutex
	verified map[[sha256.Size]byte]struct{}
}

func newPasswords(cost int, logger *slog.Logger) *passwords {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		logger.Warn("use default bcrypt cost instead of the invalid given cost", "min-cost", bcrypt.MinCost,
			"max-cost", bcrypt.MaxCost, "default-cost", bcrypt.DefaultCost, "given-cost", cost)
		cost = bcrypt.DefaultCost
	}
	p := &passwords{cost: cost, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	_, _ = rand.Read(p.key[:]) // never fails: see crypto/rand
	p.clear()
	return p
}

// HashPassword is the form in which a password enters the log: a bcrypt hash in base64.
func (s *Store) HashPassword(ctx context.Context, password string) (string, error) {
	var hash []byte
	err := s.passwords.slotted(ctx, func() (err error) {
		hash, err = bcrypt.GenerateFromPassword([]byte(password), s.passwords.cost)
		return err
	})
	return base64.StdEncoding.EncodeToString(hash), err
}

// CheckPassword tells the auth revision at which a password was the user's.
func (s *Store) CheckPassword(ctx context.Context, name, password string) (revision uint64, err error) {
	v := s.View()
	if !v.enabled {
		return 0, ErrNotEnabled
	}
	u := v.users[name]
	if u == nil {
		return 0, ErrLoginFailed
	}
	if u.record.GetOptions().GetNoPassword() {
		return 0, ErrNoPasswordUser
	}
	ok, err := s.passwords.match(ctx, name, u.record.GetPassword(), password)
	if err != nil {
		return 0, err
	}
	if !ok {
		s.logger.Info("invalid password", "user-name", name)
		return 0, ErrLoginFailed
	}
	return v.revision, nil
}

// match compares a password with a hash. Its error is ctx's.
func (p *passwords) match(ctx context.Context, name string, hash []byte, password string) (ok bool, err error) {
	mac := p.mac(name, hash, password)
	p.mu.Lock()
	_, known := p.verified[mac]
	p.mu.Unlock()
	if known {
		return true, nil
	}
	err = p.slotted(ctx, func() error {
		ok = bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
		return nil
	})
	if ok {
		p.remember(mac)
	}
	return ok, err
}

// mac names a password that belongs to a user's hash.
func (p *passwords) mac(name string, hash []byte, password string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, p.key[:])
	for _, part := range [][]byte{[]byte(name), hash} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	h.Write([]byte(password))
	h.Sum(sum[:0])
	return sum
}

func (p *passwords) remember(mac [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.verified) >= verifiedMax {
		clear(p.verified)
	}
	p.verified[mac] = struct{}{}
}

// clear forgets all passwords.
func (p *passwords) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verified = map[[sha256.Size]byte]struct{}{}
}

// slotted calls f when few enough others run.
func (p *passwords) slotted(ctx context.Context, f func() error) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.slots }()
	return f()
}
