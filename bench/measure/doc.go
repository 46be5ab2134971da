// Package measure holds what a benchmark run records: latencies, in all and for each second; the CPU
// time, memory and disk writes of the server processes; and the bytes they keep on disk.
//
// It decides nothing about load and prints nothing. Read Latencies first, then Processes.
//
// Invariants:
//
//	I1  A latency is never dropped: one above LatencyMax is recorded as LatencyMax.
//	I2  CPU time comes from the kernel's counters of the server processes alone; the load
//	    generator's own time never enters it.
//
// Concurrency: Latencies may be recorded into from any goroutine. Everything else is a value.
package measure
