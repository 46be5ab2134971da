// Package simulation runs whole clusters from a seed: members' disks, network and clocks are simulated, all else is the product's own
// (raft, raft/log, storage, server/apply, server/replica, server/lessor), and one goroutine decides step by step what happens next. A
// seed that fails does so again, and Shrink makes its plan small.
//
// Read Run first, then world.run and member.act. A Plan says what clients ask for and what goes wrong, and when; all else (how long a
// part of a member takes to act, which message is lost, what a crash leaves) is drawn from the same seed on the way.
//
// How it is made to follow from the seed: a member's goroutines are not started, the world calls their parts (replica.Driven). What
// waits for an answer (a client, a watch, the lessor) is a goroutine still; but everything runs in a bubble of testing/synctest, so
// that the world waits until all of them wait before it does the next thing, and time passes only when it says so. The engine's
// flushes and compactions are such goroutines too: they are over before the next step begins. Where several goroutines would act at
// once and their order shows, they are lined up (gate). The disk is the package's own, because what a crash leaves must not follow
// from the order of a map.
//
// What is checked, without knowledge of the faults: one leader a term; states that agree at equal indexes, and as a whole in the end;
// an applied index that goes back to nothing but what was durable; strict serializability of all that was answered, and that each
// answer is right at its revision; no acknowledged write lost; watches, by server/robustness; leases neither ended early nor there for
// ever; that a healed cluster takes writes and comes together; that a member stops only where its disk failed or was damaged, and always
// starts.
//
// A bit that turns over in the files of a minority (rot.go) excuses a member, from then on, from what it had on its disk, and lets it
// end and begin again because of damage; in the end all it has must be whole. Such a process begins in a goroutine of its own, as the
// others must act meanwhile.
//
// In the end a snapshot that was saved in the middle of the run is restored, with power lost meanwhile, to a new cluster: it must hold
// what the history says of its revision, the same on all machines, and must work (restore.go).
//
// Half of the runs have clients of API 2 as well, with the same checks of its tree (tree.go).
//
// Not simulated yet, and tested elsewhere: authentication, directories and times to live of API 2.
//
// Invariants:
//
//	I1  Two runs of one plan do the same, to the last bit of their traces.
//	I2  What a machine does after its power was gone has no effect: no message leaves it, no answer counts.
//	I3  A check never looks at the plan.
//	I4  Every fault that Hooks can plant is found (planted_test.go).
//
// A test that runs plans sets crypto/rand's Reader to one without chance: the raft library draws election timeouts from it.
package simulation
