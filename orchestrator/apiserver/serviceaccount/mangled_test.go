package serviceaccount

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMangledTokens: whatever is done to a token, nothing panics and it becomes no other account's.
func TestMangledTokens(t *testing.T) {
	w := newWorld(t, ecKey(t))
	good := []byte(w.token())
	rnd := rand.New(rand.NewPCG(1, 2))
	const letters = "ABCxyz019-_.= \x00"
	for range 3000 {
		token := append([]byte(nil), good...)
		for range 1 + rnd.IntN(3) {
			at := rnd.IntN(len(token))
			switch rnd.IntN(4) {
			case 0:
				token[at] = letters[rnd.IntN(len(letters))]
			case 1:
				token = append(token[:at], token[at+1:]...)
			case 2:
				token = append(token[:at:at], good[rnd.IntN(len(good)):]...)
			case 3:
				token = token[:at+1]
			}
		}
		resp, ok, err := w.auth.AuthenticateToken(t.Context(), string(token))
		if ok {
			require.NoError(t, err)
			require.Equal(t, "system:serviceaccount:ns:robot", resp.User.GetName())
		}
	}
}
