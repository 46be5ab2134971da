// Command web is a small application to show and test a cluster with: it says who answers, and ends without failing a request.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	port := flag.Int("port", 8080, "port to serve on")
	version := flag.String("version", os.Getenv("IMAGE_VERSION"), "version to answer with")
	drain := flag.Duration("drain", 2*time.Second, "how long after SIGTERM new requests are still served, while those who send them learn of the end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(*port)))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("web %s serves on %s", *version, l.Addr())
	if err := serve(ctx, l, *version, *drain); err != nil {
		log.Fatal(err)
	}
	log.Print("web has drained")
}

// serve answers until ctx ends and the time to drain is over. It says that it is no longer ready as soon as ctx ends, asks clients to
// open no further request on the connections that they have, and ends when the last request has been answered.
func serve(ctx context.Context, l net.Listener, version string, drain time.Duration) error {
	var leaving atomic.Bool
	server := &http.Server{Handler: handler(version, &leaving), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	leaving.Store(true)
	server.SetKeepAlivesEnabled(false)
	select {
	case err := <-ended:
		return err
	case <-time.After(drain):
	}
	patience, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		return fmt.Errorf("web: drain: %w", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler answers on /healthz whether this is to be sent requests, on /env with the environment, and elsewhere with who this is.
func handler(version string, leaving *atomic.Bool) http.Handler {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "unknown"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if leaving.Load() {
			http.Error(w, "leaving", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(os.Environ()); err != nil {
			log.Print(err)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hostname: %s\nversion: %s\nclient: %s\n", hostname, version, r.RemoteAddr)
	})
	return mux
}
