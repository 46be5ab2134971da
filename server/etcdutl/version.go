package etcdutl

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/api/v3/version"
)

// versionCommand tells the version of etcd whose etcdutl this one equals.
func (u *utl) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Shows the version of etcd this etcdutl is made for",
		RunE: u.run(func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(u.Stdout, "etcdutl version: %s\nAPI version: %s\n", version.Version, version.APIVersion)
			return err
		}),
	}
}
