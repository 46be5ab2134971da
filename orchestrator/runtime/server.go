package runtime

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/runtime/cgroup"
	"github.com/petcd/petcd/orchestrator/runtime/image"
	"github.com/petcd/petcd/orchestrator/runtime/network"
)

// maxMessage is what a CRI message may hold; upstream's runtimes and kubelet agree on it.
const maxMessage = 16 << 20

// Server is the runtime: CRI's RuntimeService and ImageService.
type Server struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	runtimeapi.UnimplementedImageServiceServer

	options   *Options
	images    *image.Store
	network   *network.Network
	cgroups   *cgroup.Hierarchy
	missing   []string // what pods lack here
	selinux   bool     // the node labels its processes
	streaming streaming.Server
	events    broadcast
	ctx       context.Context // ends with the daemon

	mu         sync.Mutex
	sandboxes  map[string]*sandbox
	containers map[string]*container
	cpu        map[string]cpuSample
}

// New opens the folders, finds what an earlier daemon left, and takes it over.
func New(ctx context.Context, o *Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Server{options: o, ctx: ctx, sandboxes: map[string]*sandbox{}, containers: map[string]*container{}, cpu: map[string]cpuSample{}}
	// Nobody else of the node goes there: a container's root may write programs that are setuid, and the shims' sockets are there.
	for _, dir := range []string{s.rootDir("containers"), s.stateDir("sandboxes"), s.stateDir("containers")} {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, 0o700)); err != nil {
			return nil, fmt.Errorf("runtime: %w", err)
		}
	}
	var err error
	if s.images, err = image.Open(s.rootDir("images")); err != nil {
		return nil, err
	}
	if s.network, err = network.Open(s.stateDir("network")); err != nil {
		return nil, err
	}
	s.cgroups, s.missing = Requirements(o)
	s.selinux = hasSELinux()
	if err := s.recover(); err != nil {
		return nil, err
	}
	if o.PodCIDR != "" && o.Network && len(s.missing) == 0 {
		if err := s.network.SetRanges(o.PodCIDR); err != nil {
			return nil, err
		}
	}
	for _, path := range o.Load {
		if _, err := s.images.Import(ctx, path); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Run serves CRI until ctx ends. Pods stay.
func Run(ctx context.Context, o *Options) error {
	unix.Umask(0o022) // modes are meant as they are written here, whatever the daemon was started with
	s, err := New(ctx, o)
	if err != nil {
		return err
	}
	for _, m := range s.missing {
		klog.ErrorS(nil, "Pods can't run here", "missing", m)
	}
	l, err := listen(o.Listen)
	if err != nil {
		return err
	}
	stop, err := s.serveStreams()
	if err != nil {
		_ = l.Close()
		return err
	}
	defer stop()
	g := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage), grpc.UnaryInterceptor(answerPanics))
	runtimeapi.RegisterRuntimeServiceServer(g, s)
	runtimeapi.RegisterImageServiceServer(g, s)
	end := context.AfterFunc(ctx, g.Stop)
	defer end()
	klog.InfoS("Serving CRI", "socket", o.Listen)
	if err := g.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("runtime: %w", err)
	}
	return nil
}

// answerPanics turns a bug in one call into an error of that call: the daemon serves all pods of the node.
func answerPanics(ctx context.Context, r any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (answer any, err error) {
	defer func() {
		if p := recover(); p != nil {
			klog.ErrorS(nil, "Panic", "method", info.FullMethod, "panic", p)
			err = status.Errorf(codes.Internal, "%s: %v", info.FullMethod, p)
		}
	}()
	answer, err = h(ctx, r)
	if err != nil {
		klog.V(2).InfoS("Failed", "method", info.FullMethod, "err", err)
	}
	return answer, err
}

// listen opens the socket. One that a dead daemon left is replaced; a living one is not.
func listen(address string) (net.Listener, error) {
	path := strings.TrimPrefix(address, "unix://")
	if err := os.MkdirAll(filepath.Dir(path), 0o711); err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("runtime: another daemon serves on %s", address)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("runtime: %w", err)
	}
	return l, nil
}

// serveStreams serves what Exec, Attach and PortForward give URLs of, on loopback: only the kubelet asks there.
func (s *Server) serveStreams() (stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("runtime: streams: %w", err)
	}
	config := streaming.DefaultConfig
	config.Addr = l.Addr().String()
	if s.streaming, err = streaming.NewServer(config, streams{s}); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("runtime: streams: %w", err)
	}
	server := &http.Server{Handler: s.streaming, ReadHeaderTimeout: 30 * time.Second}
	go func() {
		if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			klog.ErrorS(err, "Streams are served no longer")
		}
	}()
	return func() { _ = server.Close() }, nil
}

// rootDir is a folder for what outlives the machine.
func (s *Server) rootDir(elements ...string) string {
	return filepath.Join(append([]string{s.options.Root}, elements...)...)
}

// stateDir is a folder for what runs now.
func (s *Server) stateDir(elements ...string) string {
	return filepath.Join(append([]string{s.options.State}, elements...)...)
}

// newID makes an id.
func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// fail gives an error a code of gRPC, if it has none.
func fail(err error) error {
	switch {
	case err == nil:
		return nil
	case status.Code(err) != codes.Unknown:
		return err
	case errors.Is(err, image.ErrNotFound):
		return status.Error(codes.NotFound, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, err.Error())
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, err.Error())
	}
	return status.Error(codes.Unknown, err.Error())
}

// invalid is the error for a request that can't be meant.
func invalid(format string, args ...any) error {
	return status.Errorf(codes.InvalidArgument, format, args...)
}

// unsupported is the error for what this runtime refuses.
func unsupported(what string) error {
	return status.Errorf(codes.Unimplemented, "the embedded runtime has no %s", what)
}
