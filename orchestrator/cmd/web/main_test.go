package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// start serves until the context that cancel ends, and returns how to ask and how it ended.
func start(t *testing.T, drain time.Duration) (ask func(path string) (int, string), end func(), ended <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l, "v7", drain) }()
	return func(path string) (int, string) {
		r, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			return 0, err.Error()
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return r.StatusCode, string(body)
	}, cancel, done
}

func TestItSaysWhoAnswers(t *testing.T) {
	t.Setenv("SOME_VARIABLE", "value")
	ask, end, ended := start(t, 0)
	code, body := ask("/any/path")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "version: v7\n")
	require.Contains(t, body, "hostname: ")
	_, body = ask("/env")
	require.Contains(t, body, `"SOME_VARIABLE=value"`)
	code, _ = ask("/healthz")
	require.Equal(t, http.StatusOK, code)
	end()
	require.NoError(t, <-ended)
}

// While it drains it is not ready, and still answers.
func TestDrain(t *testing.T) {
	ask, end, ended := start(t, 2*time.Second)
	end()
	require.Eventually(t, func() bool {
		code, _ := ask("/healthz")
		return code == http.StatusServiceUnavailable
	}, 10*time.Second, time.Millisecond)
	code, _ := ask("/")
	require.Equal(t, http.StatusOK, code)
	require.NoError(t, <-ended)
	code, _ = ask("/")
	require.Zero(t, code, "nobody listens any more")
}
