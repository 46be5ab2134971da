package kubeadm

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// get asks for the health of something that speaks HTTP.
func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // it only adds to the status
		return fmt.Errorf("%s: %s", resp.Status, body)
	}
	return nil
}
