// Package app is the process around the scheduler: its flags, clients, and events. What it shares with other processes of the
// control plane, leader election and the port of health and metrics, is in package process.
//
// Read Options first, then Run. There is one profile; --config, upstream's way to ask for others, is refused.
package app
