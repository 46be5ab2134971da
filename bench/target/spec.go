package target

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/petcd/petcd/server/process"
)

// Spec names a target.
type Spec struct {
	Name      string
	Binary    string   // of a server to start; "" with Endpoints
	Restore   string   // the program whose "snapshot restore" makes a data directory; "" when there is none beside Binary
	Endpoints []string // of a running cluster
}

// Parse reads a target as the user writes it:
//
//	petcd                      the etcd binary beside this program, or $PETCD_BIN, or built from the tree
//	3.7.3, 3.4.23              a real etcd in $PETCD_PEERS/<version> or bin/peers/<version>
//	name=/path/to/etcd         any compatible server
//	http://a:2379,http://b:2379  a running cluster
func Parse(ctx context.Context, text, buildDir string) (Spec, error) {
	if strings.Contains(text, "://") {
		return Spec{Name: text, Endpoints: strings.Split(text, ",")}, nil
	}
	if name, path, ok := strings.Cut(text, "="); ok {
		if name == "" {
			return Spec{}, fmt.Errorf("%w: no name before %q", ErrSpec, path)
		}
		if _, err := os.Stat(path); err != nil {
			return Spec{}, fmt.Errorf("%w: %w", ErrSpec, err)
		}
		return local(name, path), nil
	}
	if text == process.Petcd && os.Getenv("PETCD_BIN") == "" {
		if beside := besideProgram("etcd"); beside != "" {
			return local(text, beside), nil
		}
	}
	found, err := process.Locate(ctx, text, buildDir)
	if err != nil {
		return Spec{}, fmt.Errorf("%w: %q: %w", ErrSpec, text, err)
	}
	return local(text, found.Etcd), nil
}

// local is a target whose server is a program here.
func local(name, binary string) Spec {
	s := Spec{Name: name, Binary: binary}
	// etcd 3.4 restores by etcdctl.
	for _, tool := range []string{"etcdutl", "etcdctl"} {
		path := filepath.Join(filepath.Dir(binary), tool)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			s.Restore = path
			break
		}
	}
	return s
}

// besideProgram finds a program in the folder this one runs from.
func besideProgram(name string) string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	path := filepath.Join(filepath.Dir(self), name)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return ""
	}
	return path
}
