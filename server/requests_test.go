package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestEndWaitsForRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, release := &requests{}, make(chan struct{})
		h := r.counted(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		serve := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			return w
		}
		go serve()
		synctest.Wait()
		ended := false
		go func() {
			r.end()
			ended = true
		}()
		synctest.Wait()
		require.False(t, ended, "a request is being served")
		require.Equal(t, http.StatusServiceUnavailable, serve().Code, "none begins any more")
		close(release)
		synctest.Wait()
		require.True(t, ended)
	})
}
