package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"google.golang.org/grpc/grpclog"

	"github.com/petcd/petcd/server"
	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/logging"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/version"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	// gRPC and its gateway write a line for much that a client does wrong, in no format of ours.
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, os.Stderr))
	args := os.Args
	os.Args = config.Masked(args) // which the pages of package expvar and of pprof show
	code, sig := run(args, os.Environ(), signals, os.Stdout, os.Stderr)
	if sig != nil {
		endBySignal(sig)
	}
	os.Exit(code)
}

// endBySignal ends the process the way the signal would have, so that whoever
// waits for it sees why it ended. Process 1 has no such default: it exits.
func endBySignal(sig os.Signal) {
	if os.Getpid() == 1 {
		os.Exit(exitOK)
	}
	signal.Reset(sig)
	raise(sig)
}

// run is a member's life: from its arguments to its exit code or the signal
// that ended it.
func run(args, env []string, signals <-chan os.Signal, stdout, stderr io.Writer) (int, os.Signal) {
	if len(args) > 1 && (args[1] == "gateway" || args[1] == "grpc-proxy") {
		return runProxy(args[1:], signals, stdout, stderr)
	}
	cfg, err := config.Parse(args[1:], env)
	switch {
	case errors.Is(err, config.ErrHelp):
		fmt.Fprintln(stderr, config.Usage())
		fmt.Fprintln(stdout, config.Help())
		return exitOK, nil
	case errors.Is(err, config.ErrVersion):
		fmt.Fprint(stdout, version.Text())
		return exitOK, nil
	case errors.Is(err, config.ErrUsage):
		fmt.Fprintf(stderr, "%v\n%s\n", err, config.Usage())
		return exitUsage, nil
	}
	o := logging.Options{Outputs: []string{"stderr"}, Stdout: stdout, Stderr: stderr}
	if err == nil {
		o, err = logOptions(o, cfg)
	}
	logger, files, logErr := logging.New(o)
	if logErr != nil {
		fmt.Fprintln(stderr, logErr)
		return exitFailure, nil
	}
	defer files.Close()
	logger.Info("Running: ", "args", config.Masked(args))
	if err != nil {
		logger.Warn("failed to verify flags", "error", err)
		return exitFailure, nil
	}
	for _, n := range cfg.Notices {
		level := slog.LevelInfo
		if n.Warn {
			level = slog.LevelWarn
		}
		logger.Log(context.Background(), level, n.Message, n.Attrs...)
	}
	if err := prepare(cfg, logger); err != nil {
		logger.Error("failed to start", "error", err)
		return exitFailure, nil
	}
	return serve(cfg, signals, logger)
}

// logOptions are the logging flags as package logging takes them.
func logOptions(o logging.Options, cfg *config.Config) (logging.Options, error) {
	o.Level, o.Format, o.Outputs = cfg.LogLevel, cfg.LogFormat, cfg.LogOutputs
	if cfg.LogRotation == "" {
		return o, nil
	}
	r, err := config.ParseRotation(cfg.LogRotation)
	if err != nil {
		return o, err
	}
	rotation := logging.Rotation(r)
	o.Rotation = &rotation
	return o, nil
}

// prepare does what a member needs of the machine before it starts.
func prepare(cfg *config.Config, logger *slog.Logger) error {
	host, err := defaultHost()
	switch {
	case err != nil:
		logger.Info("failed to detect default host", "error", err)
	case cfg.AdvertiseHost(host):
		logger.Info("detected default host for advertise", "host", host)
	}
	if cfg.MemoryMlock {
		return lockMemory()
	}
	return nil
}

// repairsMax is how often a member is started again in one process to repair itself. A disk that damages more is not to be
// relied on, and whoever started the process shall see that.
const repairsMax = 5

// serve runs the member. One that stopped because it met damage repairs itself when it is started again.
func serve(cfg *config.Config, signals <-chan os.Signal, logger *slog.Logger) (int, os.Signal) {
	for repairs := 0; ; repairs++ {
		code, sig, err := serveOnce(cfg, signals, logger)
		if !errors.Is(err, replica.ErrDamaged) || repairs == repairsMax {
			return code, sig
		}
		logger.Warn("starting again, to repair the data directory")
	}
}

// serveOnce starts the member and waits for its end. The error is why it stopped by itself, if it did.
func serveOnce(cfg *config.Config, signals <-chan os.Signal, logger *slog.Logger) (int, os.Signal, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type started struct {
		s   *server.Server
		err error
	}
	done := make(chan started, 1)
	go func() {
		s, err := server.Start(ctx, *cfg, server.Options{Logger: logger})
		done <- started{s, err}
	}()
	var st started
	var early os.Signal
	select {
	case st = <-done:
	case early = <-signals:
		// A member that waits for its peers has to be interruptible.
		logger.Info("received signal; shutting down", "signal", early.String())
		cancel()
		st = <-done
	}
	if st.err != nil {
		if early != nil {
			return exitFailure, early, nil
		}
		logger.Error("failed to start", "error", st.err)
		return exitFailure, nil, st.err
	}
	if early != nil {
		code, sig := end(st.s, early, logger)
		return code, sig, nil
	}
	paceCollector(ctx, func() int64 { return st.s.Replica().Store().MemoryBytes() })
	ready := st.s.Ready()
	for {
		select {
		case <-ready:
			ready = nil
			notifyInit(logger)
		case sig := <-signals:
			logger.Info("received signal; shutting down", "signal", sig.String())
			code, sig := end(st.s, sig, logger)
			return code, sig, nil
		case err := <-st.s.Err():
			logger.Error("the member stopped", "error", err)
			end(st.s, nil, logger)
			if errors.Is(err, replica.ErrRemoved) {
				logger.Warn("data-dir used by this member must be removed")
				return exitOK, nil, nil // it was asked to
			}
			return exitFailure, nil, err
		}
	}
}

// end closes the member.
func end(s *server.Server, sig os.Signal, logger *slog.Logger) (int, os.Signal) {
	if err := s.Close(); err != nil {
		logger.Error("failed to close", "error", err)
		return exitFailure, nil
	}
	return exitOK, sig
}

// notifyInit tells systemd, if it asked, that the member serves.
func notifyInit(logger *slog.Logger) {
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		logger.Error("failed to notify systemd for readiness", "error", err)
	}
}
