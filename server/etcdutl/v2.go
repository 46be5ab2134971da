package etcdutl

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	client "go.etcd.io/etcd/client/v2"

	"github.com/petcd/petcd/server/v2copy"
)

// requestTimeout bounds the wait for the header of an answer.
const requestTimeout = 30 * time.Second

// v2Command groups what moves keys of API 2. etcd's own etcdutl has nothing like it.
func (u *utl) v2Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "v2 <subcommand>",
		Short: "Moves the keys of API 2 between clusters, files and data directories",
		Example: `  etcdutl v2 export keys.json --endpoints http://10.0.0.1:2379
  etcdutl v2 import keys.json --endpoints http://10.0.0.2:2379
  etcdutl v2 import --data-dir /var/lib/etcd --endpoints http://10.0.0.2:2379`,
	}
	cmd.AddCommand(u.v2ExportCommand(), u.v2ImportCommand())
	return cmd
}

// v2Cluster is a cluster that API 2 is spoken with, by flags.
type v2Cluster struct {
	username, ca, cert, key string
}

// register adds the flags of a connection.
func (c *v2Cluster) register(fs *pflag.FlagSet) {
	fs.StringVar(&c.username, "username", "", "user and password of API 2, user:password, when authentication is on")
	fs.StringVar(&c.ca, "cacert", "", "verify servers with this bundle of CAs")
	fs.StringVar(&c.cert, "cert", "", "client certificate")
	fs.StringVar(&c.key, "key", "", "key of the client certificate")
}

// keys is API 2's part for keys at some endpoints.
func (c *v2Cluster) keys(endpoints string) (client.KeysAPI, error) {
	info := transport.TLSInfo{TrustedCAFile: c.ca, CertFile: c.cert, KeyFile: c.key}
	tls, err := info.ClientConfig()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: requestTimeout}
	config := client.Config{
		Transport:               &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: tls},
		HeaderTimeoutPerRequest: requestTimeout,
	}
	for _, e := range strings.Split(endpoints, ",") {
		if !strings.Contains(e, "://") {
			if _, _, err := net.SplitHostPort(e); err != nil { // only a URL says that HTTP's own port is meant
				return nil, fmt.Errorf("endpoint %q has no port: give host:port or a URL", e)
			}
			e = "http://" + e
		}
		config.Endpoints = append(config.Endpoints, e)
	}
	config.Username, config.Password, _ = strings.Cut(c.username, ":")
	cl, err := client.New(config)
	if err != nil {
		return nil, err
	}
	return client.NewKeysAPI(cl), nil
}

// v2Source says where keys come from.
type v2Source struct {
	endpoints       string
	dataDir, walDir string
	hidden          []string
}

// register adds the flags of a source; those of a cluster go by the name given.
func (s *v2Source) register(fs *pflag.FlagSet, endpoints string) {
	fs.StringVar(&s.endpoints, endpoints, "", "read from this cluster, by HTTP")
	fs.StringVar(&s.dataDir, "data-dir", "", "read from this data directory: petcd's, also in use, or of an etcd 3.4 or 3.5 that does not run")
	fs.StringVar(&s.walDir, "wal-dir", "", "the --wal-dir that goes with --data-dir, if the member had one")
	fs.StringSliceVar(&s.hidden, "hidden", nil, `read these hidden keys, too; a cluster does not list what is named "_…" (a data directory has all)`)
}

// read reads the keys.
func (s *v2Source) read(cmd *cobra.Command, u *utl, c *v2Cluster) (*v2copy.Tree, error) {
	if s.dataDir != "" {
		return v2copy.FromDirectory(s.dataDir, s.walDir)
	}
	keys, err := c.keys(s.endpoints)
	if err != nil {
		return nil, err
	}
	t, err := v2copy.Export(cmd.Context(), keys, s.hidden)
	return t, detailed(err)
}

// detailed adds to an error of API 2's client what each endpoint answered.
func detailed(err error) error {
	var all *client.ClusterError
	if errors.As(err, &all) {
		return fmt.Errorf("%w: %s", err, strings.ReplaceAll(strings.TrimSpace(all.Detail()), "\n", "; "))
	}
	return err
}

func (u *utl) v2ExportCommand() *cobra.Command {
	var source v2Source
	var cluster v2Cluster
	cmd := &cobra.Command{
		Use:   "export <filename> (--endpoints {URLs} | --data-dir {directory})",
		Short: "Writes the keys of API 2 to a file",
		Long: `Writes the keys of API 2 to a file, "-" for standard output: values, directories, and when they
expire. Users and roles of API 2 are left out.`,
		RunE: u.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("v2 export requires exactly one argument")
			}
			if (source.endpoints == "") == (source.dataDir == "") {
				return badArgs("v2 export requires one of --endpoints and --data-dir")
			}
			t, err := source.read(cmd, u, &cluster)
			if err != nil {
				return err
			}
			if args[0] == "-" {
				return t.Write(u.Stdout)
			}
			if err := writeNew(args[0], t.Write); err != nil {
				return err
			}
			files, dirs := t.Count()
			_, err = fmt.Fprintf(u.Stdout, "Exported %d keys and %d directories to %s\n", files, dirs, args[0])
			return err
		}),
	}
	source.register(cmd.Flags(), "endpoints")
	cluster.register(cmd.Flags())
	return cmd
}

// writeNew writes a file that does not exist, and leaves none on error.
func writeNew(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func (u *utl) v2ImportCommand() *cobra.Command {
	var source v2Source
	var cluster v2Cluster
	var to string
	var force bool
	cmd := &cobra.Command{
		Use:   "import [filename] --endpoints {URLs} [--from {URLs} | --data-dir {directory}]",
		Short: "Writes keys of API 2 into a cluster",
		Long: `Writes keys of API 2 into a cluster, from a file of "v2 export", "-" for standard input, or straight
from another cluster or a data directory. Keys that exist with another value are an error, and then
nothing is written, unless --force is given. What has expired meanwhile is left out.`,
		RunE: u.run(func(cmd *cobra.Command, args []string) error {
			from := len(args)
			for _, given := range []string{source.endpoints, source.dataDir} {
				if given != "" {
					from++
				}
			}
			if len(args) > 1 || from != 1 {
				return badArgs("v2 import requires one of a filename, --from and --data-dir")
			}
			t, err := u.v2Tree(cmd, args, &source, &cluster)
			if err != nil {
				return err
			}
			keys, err := cluster.keys(to)
			if err != nil {
				return err
			}
			done, err := v2copy.Import(cmd.Context(), keys, t, force, time.Now)
			if err != nil {
				return detailed(err)
			}
			_, err = fmt.Fprintf(u.Stdout, "Imported %d keys and %d directories; %d were there, %d had expired\n",
				done.Files, done.Dirs, done.Same, done.Expired)
			return err
		}),
	}
	cmd.Flags().StringVar(&to, "endpoints", "", "write to this cluster, by HTTP (required)")
	cmd.Flags().BoolVar(&force, "force", false, "replace the values of keys that exist")
	source.register(cmd.Flags(), "from")
	cluster.register(cmd.Flags())
	markRequired(cmd, "endpoints")
	return cmd
}

// v2Tree reads what is to be imported.
func (u *utl) v2Tree(cmd *cobra.Command, args []string, source *v2Source, cluster *v2Cluster) (*v2copy.Tree, error) {
	if len(args) == 0 {
		return source.read(cmd, u, cluster)
	}
	if args[0] == "-" {
		return v2copy.Read(os.Stdin)
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, err
	}
	t, err := v2copy.Read(f)
	return t, errors.Join(err, f.Close())
}
