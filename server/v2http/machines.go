package v2http

import (
	"io"
	"net/http"
	"slices"
	"strings"
)

// serveMachines lists the client URLs of all members, in order.
func (h *Handler) serveMachines(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET", "HEAD") {
		return
	}
	var urls []string
	for _, m := range h.member.Cluster().Members() {
		urls = append(urls, m.ClientURLs...)
	}
	slices.Sort(urls)
	_, _ = io.WriteString(w, strings.Join(urls, ", ")) // a client that left gets no answer
}
