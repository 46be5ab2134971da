package v3

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/api/v3/version"
)

func (c *ctl) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Shows the version of etcd this etcdctl is made for",
		RunE: c.run(func(*cobra.Command, []string) error {
			return WriteVersion(c.Stdout)
		}),
	}
}

// WriteVersion writes the version of etcd whose etcdctl this one equals, and
// the version of the API.
func WriteVersion(w io.Writer) error {
	_, err := fmt.Fprintf(w, "etcdctl version: %s\nAPI version: %s\n", version.Version, version.APIVersion)
	return err
}
