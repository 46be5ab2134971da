package main

import (
	"context"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// probeInterval is the time between two probes of a kind: often enough to count, seldom enough to be no load.
const probeInterval = 100 * time.Millisecond

// latency is how long requests took, in milliseconds.
type latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// probes ask the apiserver what users ask, again and again.
type probes struct {
	end  context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	times map[string][]time.Duration
}

func startProbes(ctx context.Context, client kubernetes.Interface) *probes {
	ctx, cancel := context.WithCancel(ctx)
	p := &probes{end: cancel, times: map[string][]time.Duration{}}
	for name, ask := range map[string]func() error{
		"get node": func() error {
			_, err := client.CoreV1().Nodes().Get(ctx, "node-0000", metav1.GetOptions{})
			return err
		},
		"list 500 pods": func() error {
			_, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{Limit: 500})
			return err
		},
		"list a node's pods": func() error {
			_, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=node-0000", ResourceVersion: "0"})
			return err
		},
	} {
		p.done.Go(func() { p.repeat(ctx, name, ask) })
	}
	return p
}

func (p *probes) repeat(ctx context.Context, name string, ask func() error) {
	for ctx.Err() == nil {
		began := time.Now()
		err := ask()
		took := time.Since(began)
		if err == nil {
			p.mu.Lock()
			p.times[name] = append(p.times[name], took)
			p.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-time.After(probeInterval - min(took, probeInterval)):
		}
	}
}

func (p *probes) stop() map[string]latency {
	p.end()
	p.done.Wait()
	all := map[string]latency{}
	for name, times := range p.times {
		slices.Sort(times)
		at := func(q float64) float64 { return float64(times[int(q*float64(len(times)-1))].Microseconds()) / 1000 }
		all[name] = latency{Count: len(times), P50: at(0.5), P99: at(0.99), Max: at(1)}
	}
	return all
}
