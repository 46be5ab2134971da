package turn

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

// readyTimeout bounds a restart with a large store; a real etcd reads all of it.
const readyTimeout = 10 * time.Minute

// Store fills a store that is large against the caches and does with it what operators do: restart, count, page, save, restore, defragment.
type Store struct {
	Data      workload.Data
	Clients   Clients
	Revisions uint64  // made after the load: how old the old revision is
	Limit     int64   // keys in a page
	Repeats   uint64  // of each question
	Rate      float64 // of the puts beside the defragmentation
}

// Begin implements Turn.
func (s *Store) Begin(seed uint64) error {
	s.Data.Keys.Seed, s.Data.Values.Seed = seed, seed
	if s.Limit < 1 || s.Repeats < 1 || s.Rate <= 0 {
		return fmt.Errorf("%w: empty pages, no questions or no rate", ErrSettings)
	}
	if s.Data.Keys.Space < 2 {
		return fmt.Errorf("%w: a store of less than two keys", ErrSettings)
	}
	return errors.Join(s.Clients.validate(), s.Data.Validate())
}

// About implements Turn.
func (s *Store) About() About {
	p := s.Clients.parameters(s.Data, map[string]string{"page": fmt.Sprint(s.Limit), "old": fmt.Sprintf("%d revisions", s.Revisions)})
	return About{Unit: "put", Parameters: p, Flags: []string{bigQuota}}
}

// Run implements Turn.
func (s *Store) Run(ctx context.Context, t *target.Target, run *report.Run) error {
	history, err := s.fill(ctx, t, run)
	if err != nil {
		return err
	}
	if t.Local() {
		if err := s.restart(ctx, t, run); err != nil {
			return err
		}
	}
	conns, err := t.Dial(ctx, s.Clients.Conns, s.Clients.LeaderOnly)
	if err != nil {
		return err
	}
	defer conns.Close()
	if err := s.ask(ctx, conns, history, run); err != nil {
		return err
	}
	if t.Local() {
		if err := saveAndRestore(ctx, t, conns[0], s.Data.Keys.Space-history.Deleted, run); err != nil {
			return err
		}
	}
	if err := s.defragment(ctx, conns, run); err != nil {
		return err
	}
	_, err = usage(t, run)
	return err
}

// fill puts every key once, one to a request, and then makes the history.
func (s *Store) fill(ctx context.Context, t *target.Target, run *report.Run) (workload.History, error) {
	ordered := s.Data
	ordered.Keys.Sequential = true
	o, err := s.Clients.open(ctx, t, &workload.Put{Data: ordered})
	if err != nil {
		return workload.History{}, err
	}
	defer o.close()
	load := &report.Run{}
	res, err := measured(ctx, t, o, driver.Load{Ops: s.Data.Keys.Space}, load)
	if err != nil {
		return workload.History{}, err
	}
	if len(res.Errors) > 0 {
		return workload.History{}, fmt.Errorf("%w: of the load failed: %v", ErrResult, res.Errors)
	}
	loaded := &report.Run{}
	if _, err := usage(t, loaded); err != nil {
		return workload.History{}, err
	}
	run.SetTime(report.Load, res.Elapsed)
	run.Set(report.CPU, load.Figures[report.CPU])
	run.Set(report.Written, load.Figures[report.Written])
	run.Set(report.RSSLoaded, loaded.Figures[report.RSS])
	run.Set(report.DiskLoaded, loaded.Figures[report.Disk])
	run.AddLatency("put, load", res.Latencies, res.Seconds)
	return workload.Change(ctx, o.conns.Interfaces(), s.Data, s.Revisions)
}

// restart reads what a fresh process takes.
func (s *Store) restart(ctx context.Context, t *target.Target, run *report.Run) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	took, err := t.Restart(ctx)
	if err != nil {
		return err
	}
	use, err := t.Usage()
	run.SetTime(report.Ready, took)
	run.Set(report.RSSFresh, float64(use.RSS))
	return err
}

// ask measures the questions whose answers are known.
func (s *Store) ask(ctx context.Context, conns target.Conns, h workload.History, run *report.Run) error {
	names := map[string]report.Figure{workload.CountNewest: report.Count, workload.CountOld: report.CountOld,
		workload.PageNewest: report.Page, workload.PageOld: report.PageOld}
	for _, q := range h.Questions(s.Limit) {
		res, err := q.Ask(ctx, conns.Interfaces()[0], s.Repeats)
		if err != nil {
			return err
		}
		run.SetTime(names[q.Name], res.Latencies.P50)
		run.AddLatency(q.Name, res.Latencies, nil)
		run.Wrong(res.Errors)
	}
	return nil
}

// defragment asks the first member for it while clients put at a steady rate: the longest of them waited for the longest pause.
func (s *Store) defragment(ctx context.Context, conns target.Conns, run *report.Run) error {
	puts := &workload.Put{Data: s.Data}
	clients, err := puts.Clients(ctx, conns.Interfaces(), s.Clients.Clients)
	if err != nil {
		return err
	}
	var took time.Duration
	res, err := while(ctx, clients, driver.Load{First: firstPhase, Rate: s.Rate}, func(ctx context.Context) error {
		began := time.Now()
		_, err := pb.NewMaintenanceClient(conns[0]).Defragment(ctx, &pb.DefragmentRequest{})
		took = time.Since(began)
		return err
	})
	if err != nil {
		return fmt.Errorf("turn: defragment: %w", err)
	}
	run.Wrong(res.Errors)
	run.SetTime(report.Defragment, took)
	run.SetTime(report.Pause, res.Latencies.Max)
	run.AddLatency("put, while defragmenting", res.Latencies, res.Seconds)
	return nil
}
