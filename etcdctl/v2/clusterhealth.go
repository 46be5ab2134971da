package v2

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

const (
	// healthInterval is the time between two checks of cluster-health --forever.
	healthInterval = 10 * time.Second
	// healthTimeout is more than a member without a leader takes to say that it
	// is not well.
	healthTimeout = 10 * time.Second
	// healthBytes is more than an answer has.
	healthBytes = 64 << 10
)

func (c *ctl) clusterHealthCommand() cli.Command {
	return cli.Command{
		Name:      "cluster-health",
		Usage:     "check the health of the etcd cluster",
		ArgsUsage: " ",
		Flags: []cli.Flag{
			cli.BoolFlag{Name: "forever, f", Usage: "check every 10 seconds until CTRL+C"},
		},
		Action: c.clusterHealth,
	}
}

func (c *ctl) clusterHealth(call *cli.Context) error {
	cl, err := c.connectAsGiven()
	if err != nil {
		return err
	}
	tr, err := c.transport()
	if err != nil {
		return fail(exitServerError, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	members, err := client.NewMembersAPI(cl).List(ctx)
	if err != nil {
		c.println("cluster may be unhealthy: failed to list members")
		return fail(exitServerError, err)
	}
	check := &healthCheck{ctl: c, client: http.Client{Transport: tr, Timeout: healthTimeout}}
	healthy := check.all(ctx, members)
	for call.Bool("forever") {
		c.printf("\nnext check after 10 second...\n\n")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(healthInterval):
		}
		healthy = check.all(ctx, members)
	}
	if !healthy {
		return silent(exitUnhealthy)
	}
	return nil
}

// healthCheck asks members how they are.
type healthCheck struct {
	*ctl
	client http.Client
}

// all asks every member, and tells of each and of the cluster. It reports
// whether all are healthy.
func (h *healthCheck) all(ctx context.Context, members []client.Member) bool {
	healthy := 0
	for i := range members {
		if h.member(ctx, &members[i]) {
			healthy++
		}
	}
	switch healthy {
	case len(members):
		h.println("cluster is healthy")
	case 0:
		h.println("cluster is unavailable")
	default:
		h.println("cluster is degraded")
	}
	return healthy == len(members)
}

// member asks at the member's URLs until one answers.
func (h *healthCheck) member(ctx context.Context, m *client.Member) (healthy bool) {
	if len(m.ClientURLs) == 0 {
		h.printf("member %s is unreachable: no available published client urls\n", m.ID)
		return false
	}
	for _, url := range m.ClientURLs {
		healthy, err := h.ask(ctx, url)
		switch {
		case err != nil:
			h.printf("failed to check the health of member %s on %s: %v\n", m.ID, url, err)
			continue
		case healthy:
			h.printf("member %s is healthy: got healthy result from %s\n", m.ID, url)
		default:
			h.printf("member %s is unhealthy: got unhealthy result from %s\n", m.ID, url)
		}
		return healthy
	}
	h.printf("member %s is unreachable: %v are all unreachable\n", m.ID, m.ClientURLs)
	return false
}

// ask asks at one URL. The answer's status says the same as its text.
func (h *healthCheck) ask(ctx context.Context, url string) (healthy bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", nil)
	if err != nil {
		return false, err
	}
	reply, err := h.client.Do(request)
	if err != nil {
		return false, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, healthBytes))
	if err != nil {
		return false, err
	}
	return parseHealth(text)
}

// parseHealth reads a member's answer: "true" in newer etcd, true in older.
func parseHealth(text []byte) (healthy bool, err error) {
	var answer struct{ Health any }
	if err := json.Unmarshal(text, &answer); err != nil {
		return false, err
	}
	return answer.Health == "true" || answer.Health == true, nil
}
