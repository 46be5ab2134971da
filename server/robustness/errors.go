package robustness

import "errors"

var (
	// ErrLinearizability means that no order of the operations explains what clients saw.
	ErrLinearizability = errors.New("robustness: not linearizable")
	// ErrHistory means that the history of revisions contradicts what clients were told.
	ErrHistory = errors.New("robustness: history is wrong")
	// ErrRevision means that a client saw the revision go back.
	ErrRevision = errors.New("robustness: revision went back")
	// ErrWatch means that a watch broke one of its promises.
	ErrWatch = errors.New("robustness: watch is wrong")
	// ErrLease means that a lease ended early, or did not end.
	ErrLease = errors.New("robustness: lease is wrong")
	// ErrList means that a list is not what there was at its revision.
	ErrList = errors.New("robustness: list is wrong")
	// ErrGrowth means that a process keeps more and more of something.
	ErrGrowth = errors.New("robustness: grows")
	// ErrDiverged means that members do not agree in the end.
	ErrDiverged = errors.New("robustness: members diverged")
	// ErrUnhealthy means that the cluster did not come back after a fault.
	ErrUnhealthy = errors.New("robustness: not healthy after a fault")
	// ErrUndecided means that a check ran out of time and proves nothing.
	ErrUndecided = errors.New("robustness: check undecided")
)
