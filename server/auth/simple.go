package auth

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// simpleTTL is how long a simple token lives when nobody says otherwise.
	simpleTTL = 300 * time.Second

	// simplePrefixLen is the number of random letters of a token: 52 to the power of 16 of them.
	simplePrefixLen = 16

	// simpleSweep is how often tokens that are out of date are forgotten.
	simpleSweep = time.Second
)

// letters are what a token's random part is made of.
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// simpleTokens are random texts that every member knows, because they come by the log. A token is the random part, a dot,
// and the index of its entry: a member that does not know it yet can wait for the entry.
type simpleTokens struct {
	c     Config
	known sync.Map // string -> *simpleToken; reads take no lock
}

// simpleToken is what a token stands for.
type simpleToken struct {
	user    string
	expires atomic.Int64 // nanoseconds since 1970
}

func newSimpleTokens(c Config) *simpleTokens {
	if c.TokenTTL <= 0 {
		c.TokenTTL = simpleTTL
	}
	return &simpleTokens{c: c}
}

func (t *simpleTokens) prefix() string {
	text := make([]byte, 0, simplePrefixLen)
	for len(text) < simplePrefixLen {
		var random [2 * simplePrefixLen]byte
		_, _ = rand.Read(random[:]) // never fails: see crypto/rand
		for _, b := range random {
			// Bytes beyond the last whole set of letters are left out, so that all letters are equally likely.
			if int(b) < 256/len(letters)*len(letters) && len(text) < simplePrefixLen {
				text = append(text, letters[int(b)%len(letters)])
			}
		}
	}
	return string(text)
}

func (t *simpleTokens) admit(user, prefix string, index uint64) string {
	token := prefix + "." + strconv.FormatUint(index, 10)
	k := &simpleToken{user: user}
	k.expires.Store(time.Now().Add(t.c.TokenTTL).UnixNano())
	t.known.Store(token, k)
	return token
}

func (t *simpleTokens) issue(string, uint64) (string, error) { return "", ErrLoginFailed }

func (t *simpleTokens) lookup(ctx context.Context, token string, s *Store) (Caller, bool) {
	// The revision is read before the token is found: one that is revoked in between comes with an old revision.
	revision := s.View().revision
	k, ok := t.known.Load(token)
	if !ok {
		if !t.wait(ctx, token) {
			return Caller{}, false
		}
		revision = s.View().revision
		if k, ok = t.known.Load(token); !ok {
			return Caller{}, false
		}
	}
	found := k.(*simpleToken)
	if !found.use(time.Now(), t.c.TokenTTL) {
		return Caller{}, false
	}
	return Caller{Name: found.user, Revision: revision}, true
}

// use prolongs a token's life, unless it is over. It writes only now and then: many requests share a token.
func (k *simpleToken) use(now time.Time, ttl time.Duration) bool {
	expires, at := k.expires.Load(), now.UnixNano()
	if at > expires {
		return false
	}
	if until := at + int64(ttl); until-expires > int64(ttl)/64 {
		k.expires.CompareAndSwap(expires, until)
	}
	return true
}

// wait returns once the entry that a token names is applied here; false when it names none or is not applied in time.
func (t *simpleTokens) wait(ctx context.Context, token string) bool {
	_, number, ok := strings.Cut(token, ".")
	index, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || t.c.WaitApplied == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, t.c.WaitMax)
	defer cancel()
	return t.c.WaitApplied(ctx, index) == nil
}

func (t *simpleTokens) revoke(user string) {
	t.known.Range(func(token, k any) bool {
		if k.(*simpleToken).user == user {
			t.known.Delete(token)
		}
		return true
	})
}

func (t *simpleTokens) clear() { t.known.Clear() }

func (t *simpleTokens) run(ctx context.Context) {
	ticker := time.NewTicker(simpleSweep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			t.known.Range(func(token, k any) bool {
				if now.UnixNano() > k.(*simpleToken).expires.Load() {
					t.known.Delete(token)
				}
				return true
			})
		}
	}
}
