package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/petcd/petcd/storage"
)

const (
	// setAside ends the name of a state that was damaged. It is kept for the operator; one at most.
	setAside = ".damaged"
	// rebuilding ends the name of a state that is being made in the place of a damaged one.
	rebuilding = ".rebuilding"

	// repairsMax is how many parts a start repairs, one after the other, before it gives up.
	repairsMax = 2
)

// errNobodyElse says that a member is the only one of its cluster, as far as it knows.
var errNobodyElse = errors.New("no other member is known: it is the only copy, so restore the last snapshot (etcdutl snapshot restore)")

// openWhole opens the data directory. A part that is damaged is made anew: the state from the log or from any other member's
// state, the log by joining the cluster again. Should that not be possible nothing is changed, and the error says so.
func (r *Replica) openWhole(ctx context.Context) (*identity, error) {
	heed := !r.cfg.Member.ForceNewCluster // the note that damage was met
	for repairs := 0; ; repairs++ {
		id, err := r.openParts(ctx, heed)
		damaged := (*damageError)(nil)
		if !errors.As(err, &damaged) || r.cfg.Member.ForceNewCluster || repairs == repairsMax {
			return id, err
		}
		r.logger.Error("the data directory is damaged; repairing it", "part", damaged.part, "error", err)
		began := time.Now()
		repair := r.rebuildState
		if damaged.part == theLog {
			repair = r.rejoin
		}
		failed := repair(ctx)
		switch {
		case failed == nil:
			r.damage.forget()
			r.repaired[damaged.part]++
			r.logger.Warn("repaired the data directory", "part", damaged.part, "took", time.Since(began))
		case damaged.noted:
			r.logger.Warn("the state met damage before and can't be repaired now; going on with it", "error", failed)
			r.damage.meet(damaged.err)
			r.unrepaired = true
			heed = false
		default:
			return nil, fmt.Errorf("%w; it could not be repaired from other members: %w", err, failed)
		}
	}
}

// Repairs is how many damaged parts of the data directory were made anew when it was opened.
func (r *Replica) Repairs() int { return r.repaired[theLog] + r.repaired[theState] }

// openParts opens log and state, finds out whose they are, and that they fit together. What is damaged is a damageError. On
// error nothing stays open.
func (r *Replica) openParts(ctx context.Context, heed bool) (_ *identity, err error) {
	defer func() {
		if err != nil {
			if closed := r.closeFiles(); closed != nil {
				r.logger.Warn("could not close a damaged data directory", "error", closed)
			}
		}
	}()
	if err := r.openFiles(); err != nil {
		return nil, err
	}
	if heed && exists(r.cfg.FS, r.cfg.FS.PathJoin(r.dir.member, damageNote)) {
		return nil, &damageError{part: theState, noted: true, err: fmt.Errorf("%w: the state met damage when it was in use", ErrCorrupt)}
	}
	if err := r.settleRejoining(ctx); err != nil {
		return nil, err
	}
	id, err := r.identify(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.reconcile(id); err != nil {
		return nil, err
	}
	if err := r.load(id); err != nil {
		return nil, inPart(theState, err)
	}
	return id, nil
}

// rebuildState makes a new state beside the damaged one, and then puts it in its place. Term, vote and log stay as they are, so
// nothing that this member promised is lost, and any state that another member has applied will do: it is committed, and the
// log goes on from it.
func (r *Replica) rebuildState(ctx context.Context) (err error) {
	if err := r.openLog(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.closeFiles()) }()
	fs, fresh := r.cfg.FS, r.dir.state+rebuilding
	if err := fs.RemoveAll(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	index, err := r.freshState(ctx, fresh)
	if err != nil {
		return errors.Join(err, fs.RemoveAll(fresh))
	}
	// It may be newer than the log, as after the installation of a snapshot.
	if err := r.dir.beginInstall(index); err != nil {
		return err
	}
	if err := r.dir.swapState(); err != nil {
		return err
	}
	return r.dir.remove(damageNote)
}

// freshState makes a state in a folder of its own: an empty one if the log has everything from the first entry on, else what another
// member sends. It returns the index that it is as of.
func (r *Replica) freshState(ctx context.Context, dir string) (index uint64, err error) {
	first, err := r.log.FirstIndex()
	if err != nil {
		return 0, err
	}
	s, err := storage.Open(dir, storage.Options{FS: r.cfg.FS, Logger: r.logger, Fatal: r.cfg.Fatal, Still: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if first == 1 {
		return 0, nil
	}
	id, err := r.storedIdentity()
	if err != nil {
		return 0, err
	}
	urls := r.otherAddresses(r.dir.addresses(), id)
	if len(urls) == 0 {
		return 0, errNobodyElse
	}
	var failures []error
	for _, u := range urls {
		if err := r.copyState(ctx, s, u, id); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", u, err))
			continue
		}
		if index, _ = s.Applied(); index+1 >= first {
			return index, nil
		}
		failures = append(failures, fmt.Errorf("%s: its state ends at %d, the log begins at %d", u, index, first))
	}
	return 0, errors.Join(failures...)
}

// copyState makes the state of the member at a peer URL that of s.
func (r *Replica) copyState(ctx context.Context, s *storage.Store, url string, id *identity) error {
	body, err := r.peers.state(ctx, url, id)
	if err != nil {
		return err
	}
	name, err := s.StageSnapshot(body)
	if err = errors.Join(err, body.Close()); err != nil {
		return err
	}
	return s.InstallSnapshot(name)
}

// storedIdentity is what the log says of its owner.
func (r *Replica) storedIdentity() (*identity, error) {
	meta := r.log.Metadata()
	if meta == nil {
		return nil, ErrNothingThere
	}
	return decodeIdentity(meta)
}

// swapState sets the damaged state aside and puts the new one in its place. finishSwap makes good what a crash cut off.
func (d *dataDir) swapState() error {
	if err := d.setStateAside(); err != nil {
		return err
	}
	return rename(d.fs, d.state+rebuilding, d.state)
}

// setStateAside gives the state another name, which an older one had.
func (d *dataDir) setStateAside() error {
	if !exists(d.fs, d.state) {
		return nil
	}
	if err := d.fs.RemoveAll(d.state + setAside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replica: set the state aside: %w", err)
	}
	return rename(d.fs, d.state, d.state+setAside)
}

// finishSwap ends a swapState that was cut off: if there is no state, the new one is whole. Else it may not be.
func (d *dataDir) finishSwap() error {
	fresh := d.state + rebuilding
	switch {
	case !exists(d.fs, fresh):
		return nil
	case exists(d.fs, d.state):
		return d.fs.RemoveAll(fresh)
	}
	if err := rename(d.fs, fresh, d.state); err != nil {
		return err
	}
	return d.remove(damageNote)
}

// state asks the member at a peer URL for its state, as an archive of package storage.
func (p *peers) state(ctx context.Context, url string, id *identity) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+statePath, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	sign(req, id)
	body := &patientBody{cancel: cancel}
	body.timer = time.AfterFunc(silenceMax, cancel)
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	body.ReadCloser = resp.Body
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return nil, errors.Join(&statusError{resp.StatusCode, string(text)}, err, body.Close())
	}
	return body, nil
}

// silenceMax is how long another member may send nothing of its state.
const silenceMax = 30 * time.Second

// patientBody is the body of an answer that may take any time, as long as something comes.
type patientBody struct {
	io.ReadCloser
	timer  *time.Timer
	cancel context.CancelFunc
}

// Read puts the end off.
func (b *patientBody) Read(p []byte) (int, error) {
	b.timer.Reset(silenceMax)
	return b.ReadCloser.Read(p)
}

// Close ends the request.
func (b *patientBody) Close() error {
	b.timer.Stop()
	defer b.cancel()
	if b.ReadCloser == nil {
		return nil
	}
	return b.ReadCloser.Close()
}

// sign says who sends a request between members, as raft's own do.
func sign(req *http.Request, id *identity) {
	req.Header.Set("X-Server-From", hexID(id.MemberID))
	req.Header.Set("X-Etcd-Cluster-ID", hexID(id.ClusterID))
}
