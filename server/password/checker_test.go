package password

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func testChecker() *Checker { return NewChecker(bcrypt.MinCost, slog.New(slog.DiscardHandler)) }

func TestRememberedForOneOwnerAndOneHash(t *testing.T) {
	c := testChecker()
	first, err := c.Hash(t.Context(), "secret")
	require.NoError(t, err)
	second, err := c.Hash(t.Context(), "secret")
	require.NoError(t, err)
	require.NotEqual(t, first, second, "each hash has a salt of its own")

	for _, hash := range [][]byte{first, first, second} {
		ok, err := c.Matches(t.Context(), "ann", hash, "secret")
		require.NoError(t, err)
		require.True(t, ok)
	}
	require.Equal(t, 2, c.Remembered())
	ok, err := c.Matches(t.Context(), "ann", first, "secrets")
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, 2, c.Remembered(), "only what matched")
	require.False(t, c.remembers(c.mac("bob", first, "secret")))
	c.Forget()
	require.Zero(t, c.Remembered())
}

func TestNoMoreAtATimeThanSlots(t *testing.T) {
	c := testChecker()
	for range cap(c.slots) {
		c.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Hash(ctx, "secret")
	require.ErrorIs(t, err, context.Canceled)
	_, err = c.Matches(ctx, "ann", nil, "secret")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, c.MatchesNobody(ctx, "secret"), context.Canceled)
}

func TestDecoyCostsAsMuchAsAHash(t *testing.T) {
	c := testChecker()
	require.NoError(t, c.MatchesNobody(t.Context(), "secret"))
	cost, err := bcrypt.Cost(c.decoy())
	require.NoError(t, err)
	require.Equal(t, c.cost, cost)
	require.Zero(t, c.Remembered())
}

func TestRememberedIsBounded(t *testing.T) {
	c := testChecker()
	for i := range 3 * rememberedMax {
		c.remember(c.mac("ann", []byte(strconv.Itoa(i)), "secret"))
	}
	require.LessOrEqual(t, c.Remembered(), rememberedMax)
}

func TestOddCostIsReplaced(t *testing.T) {
	for _, cost := range []int{-1, 3, 32} {
		require.Equal(t, bcrypt.DefaultCost, NewChecker(cost, slog.New(slog.DiscardHandler)).cost)
	}
	_, err := testChecker().Hash(t.Context(), strings.Repeat("x", 73))
	require.EqualError(t, err, "bcrypt: password length exceeds 72 bytes")
}
