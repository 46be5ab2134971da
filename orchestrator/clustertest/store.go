package clustertest

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"time"
)

// StartStore runs a store alone, with a data folder and a log in dir, and waits until it answers at url. Stop it also when StartStore
// fails, if it isn't nil.
func StartStore(dir, program string, flags ...string) (store *Process, url string, err error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, "", err
	}
	url = "http://127.0.0.1:" + strconv.Itoa(ports[0])
	peer := "http://127.0.0.1:" + strconv.Itoa(ports[1])
	store = newProcess(dir, "etcd", program, append([]string{
		"--data-dir=" + filepath.Join(dir, "store"), "--listen-client-urls=" + url, "--advertise-client-urls=" + url,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
	}, flags...)...)
	if err := store.start(); err != nil {
		return nil, "", err
	}
	for deadline := time.Now().Add(readyTimeout); ; time.Sleep(10 * time.Millisecond) {
		err := healthy(url)
		switch {
		case err == nil:
			return store, url, nil
		case !store.running():
			return store, "", fmt.Errorf("clustertest: the store ended: %w\n%s", store.err, store.tail(20))
		case time.Now().After(deadline):
			return store, "", fmt.Errorf("clustertest: the store is not ready: %w\n%s", err, store.tail(20))
		}
	}
}

// healthy tells whether the store at url has a leader and can write.
func healthy(url string) error {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url + "/health")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", resp.Status)
	}
	return nil
}
