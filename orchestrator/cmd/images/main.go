// Command images makes the OCI images of a cluster and serves them to container runtimes. See package images.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/component-base/version"

	"github.com/petcd/petcd/orchestrator/images"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{Use: "images", Short: "Makes and serves the OCI images of a cluster", SilenceUsage: true}
	root.AddCommand(build(), serve(), list())
	return root
}

func build() *cobra.Command {
	var out string
	o := images.Options{Tag: images.Tag(version.Get().GitVersion)}
	cmd := &cobra.Command{
		Use: "build [NAME]...", Short: "Writes an OCI layout of the images, or of those named",
		RunE: func(cmd *cobra.Command, names []string) error {
			built, err := images.Build(o, names...)
			if err != nil {
				return err
			}
			if err := images.Write(out, built); err != nil {
				return err
			}
			return print(cmd, built)
		},
	}
	self, err := os.Executable()
	if err != nil {
		self = "." // then --bin says it
	}
	f := cmd.Flags()
	f.StringVar(&o.Bin, "bin", filepath.Dir(self), "folder of the programs")
	f.StringVar(&o.Tag, "tag", o.Tag, "tag of the images")
	f.StringVar(&out, "out", "images", "folder of the layout; images that are there and aren't built now are removed")
	return cmd
}

func serve() *cobra.Command {
	var dir, listen string
	cmd := &cobra.Command{
		Use: "serve", Short: "Serves a layout's images until Ctrl-C, as a registry that can only be read", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return err
			}
			return images.Serve(cmd.Context(), l, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "layout", "images", "folder of the layout")
	cmd.Flags().StringVar(&listen, "listen", images.DefaultAddress, "address to listen on")
	return cmd
}

func list() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "list", Short: "Lists a layout's images", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := images.Read(dir)
			if err != nil {
				return err
			}
			return print(cmd, all)
		},
	}
	cmd.Flags().StringVar(&dir, "layout", "images", "folder of the layout")
	return cmd
}

// print shows images, with what a runtime has to fetch for each.
func print(cmd *cobra.Command, all []images.Image) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "IMAGE\tDIGEST\tSIZE")
	for _, i := range all {
		digest, err := i.Digest()
		if err != nil {
			return err
		}
		manifest, err := i.Manifest()
		if err != nil {
			return err
		}
		size := int64(0)
		for _, layer := range manifest.Layers {
			size += layer.Size
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f MB\n", i.Reference(), digest, float64(size)/1e6)
	}
	return w.Flush()
}
