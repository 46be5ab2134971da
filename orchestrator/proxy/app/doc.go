// Package app is the process around the proxy: its flags and KubeProxyConfiguration, what it does to the system before it begins, and the ports on
// which it says how it is.
//
// Read Options, then Run. A flag that is given goes before the same field of --config.
//
// Refused: the modes ipvs and kernelspace. Without effect, and said so in --help: the fields and flags of those modes.
package app
