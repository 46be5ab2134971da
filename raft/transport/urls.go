package transport

import (
	"net/url"
	"slices"
	"sync"
)

// urlPicker picks one of a peer's URLs and stays with it while it works.
type urlPicker struct {
	mu     sync.Mutex
	urls   []string
	picked int
}

func (p *urlPicker) update(urls []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.urls, urls) {
		p.urls, p.picked = slices.Clone(urls), 0
	}
}

// pick returns the URL in use with the given path; empty when there is none that can be parsed.
func (p *urlPicker) pick(path string) (base, full string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.urls) == 0 {
		return "", ""
	}
	base = p.urls[p.picked]
	u, err := url.Parse(base)
	if err != nil {
		return base, ""
	}
	u.Path = path
	return base, u.String()
}

// unreachable moves on to the next URL, unless somebody else did.
func (p *urlPicker) unreachable(base string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.urls); n > 0 && p.urls[p.picked] == base {
		p.picked = (p.picked + 1) % n
	}
}
