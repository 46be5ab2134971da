package clustertest

// Program describes one more program of the cluster, such as another apiserver. Run starts it, and it ends with the cluster.
func (c *Cluster) Program(name, path string, flags ...string) *Process {
	return c.process(name, path, flags...)
}

// FreePorts are n ports on loopback that nobody listens on now.
func FreePorts(n int) ([]int, error) { return freePorts(n) }
