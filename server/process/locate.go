package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The targets Locate knows.
const (
	Petcd   = "petcd"
	Etcd373 = "3.7.3"
	Etcd34  = "3.4.23"
)

// Binaries are the programs of one release.
type Binaries struct {
	Etcd    string
	Etcdctl string // "" when there is none
}

// Locate finds the binaries of a target. A real etcd's are looked for in
// $PETCD_PEERS/<version>, by default <repository>/bin/peers. petcd's server is
// $PETCD_BIN, or is built from the tree into buildDir; its etcdctl is
// $PETCD_CTL or stands beside $PETCD_BIN.
func Locate(ctx context.Context, target, buildDir string) (Binaries, error) {
	if target == Petcd {
		return locatePetcd(ctx, buildDir)
	}
	dir := os.Getenv("PETCD_PEERS")
	if dir == "" {
		root, err := RepositoryRoot()
		if err != nil {
			return Binaries{}, err
		}
		dir = filepath.Join(root, "bin", "peers")
	}
	b := Binaries{
		Etcd:    filepath.Join(dir, target, "etcd"),
		Etcdctl: filepath.Join(dir, target, "etcdctl"),
	}
	if _, err := os.Stat(b.Etcd); err != nil {
		return Binaries{}, fmt.Errorf("%w: etcd %s (make peers fetches it): %w", ErrNoBinary, target, err)
	}
	if _, err := os.Stat(b.Etcdctl); err != nil {
		b.Etcdctl = ""
	}
	return b, nil
}

func locatePetcd(ctx context.Context, buildDir string) (Binaries, error) {
	if bin := os.Getenv("PETCD_BIN"); bin != "" {
		b := Binaries{Etcd: bin, Etcdctl: os.Getenv("PETCD_CTL")}
		if _, err := os.Stat(bin); err != nil {
			return Binaries{}, fmt.Errorf("%w: PETCD_BIN: %w", ErrNoBinary, err)
		}
		if b.Etcdctl == "" {
			if beside := filepath.Join(filepath.Dir(bin), "etcdctl"); exists(beside) {
				b.Etcdctl = beside
			}
		}
		return b, nil
	}
	root, err := RepositoryRoot()
	if err != nil {
		return Binaries{}, err
	}
	b := Binaries{Etcd: filepath.Join(buildDir, "etcd")}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", b.Etcd, "./server/cmd/etcd")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binaries{}, fmt.Errorf("%w: build petcd: %w\n%s", ErrNoBinary, err, out)
	}
	return b, nil
}

// RepositoryRoot returns the folder of petcd's go.mod, looked for from the
// working directory upwards.
func RepositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("process: repository root: %w", err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module github.com/petcd/petcd\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("process: repository root: no go.mod of petcd above the working directory")
		}
		dir = parent
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
