package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAStartingMemberDeniesNothing: 404 on a lease's path means that there is no such lease.
func TestAStartingMemberDeniesNothing(t *testing.T) {
	h := paths(map[string]http.Handler{"/hash": http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
	for path, want := range map[string]int{"/hash": http.StatusOK, "/leases": http.StatusServiceUnavailable} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		require.Equal(t, want, w.Code, path)
	}
}
