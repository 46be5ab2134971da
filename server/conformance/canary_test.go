package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/metadata"
)

// canaries sends passwords and tokens every way there is, failed ones too, and
// looks for them in the data directory, the log at its most detailed, and what
// the HTTP port shows of metrics and debugging.
func canaries(t *testing.T, tg target) {
	srv := startServer(t, tg, 1, "--bcrypt-cost=4", "--log-level=debug", "--enable-pprof")
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	r := realmOf(&env{server: srv, ctx: ctx})
	r.addRoot(t)
	r.enable(t)

	secrets := map[string]string{}
	secret := func(what string) string {
		secrets[what] = "canary-" + strings.ReplaceAll(what, " ", "-") + "-9f8e7d6c"
		return secrets[what]
	}
	add, change := secret("of user add"), secret("of passwd")
	_, err := r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: "user", Password: add})
	require.NoError(t, err)
	secrets["token"] = r.token(t, "user", add)
	_, err = r.kv.Range(r.as(secrets["token"]), &pb.RangeRequest{Key: []byte("a")})
	require.Error(t, err)
	_, err = r.auth.UserChangePassword(r.root, &pb.AuthUserChangePasswordRequest{Name: "user", Password: change})
	require.NoError(t, err)
	secrets["second token"] = r.token(t, "user", change)
	// What fails: passwords, tokens, requests of those who may not make them.
	_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: "user", Password: secret("of a failed login")})
	require.Error(t, err)
	_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: "nobody", Password: secret("of nobody")})
	require.Error(t, err)
	_, err = r.auth.UserAdd(r.as(secrets["second token"]), &pb.AuthUserAddRequest{Name: "other", Password: secret("of a refused user add")})
	require.Error(t, err)
	_, err = r.auth.UserAdd(r.root, &pb.AuthUserAddRequest{Name: "user", Password: secret("of a user that is there")})
	require.Error(t, err)
	_, err = r.auth.UserChangePassword(r.ctx, &pb.AuthUserChangePasswordRequest{Name: "user", Password: secret("of a refused passwd")})
	require.Error(t, err)
	_, err = r.kv.Put(r.as(secret("as a token")+".1"), &pb.PutRequest{Key: []byte("a")})
	require.Error(t, err)
	_, err = r.kv.Put(metadata.AppendToOutgoingContext(r.ctx, "authorization", "Bearer "+secret("as a bearer")+".1"), &pb.PutRequest{Key: []byte("a")})
	require.Error(t, err)
	require.Error(t, r.watchError(r.as(secret("of a watch")+".1"), []byte("a"), nil))
	// By the gateway.
	url := srv.cluster.Member(0).ClientURL
	post(t, http.DefaultClient, url+"/v3/auth/authenticate", fmt.Sprintf(`{"name":"user","password":%q}`, secret("of a gateway login")), nil)
	code, body := post(t, http.DefaultClient, url+"/v3/auth/authenticate", fmt.Sprintf(`{"name":"user","password":%q}`, change), nil)
	require.Equal(t, http.StatusOK, code, body)
	var login struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(body), &login))
	secrets["token by the gateway"] = login.Token
	post(t, http.DefaultClient, url+"/v3/kv/range", `{"key":"YQ=="}`, map[string]string{"Authorization": login.Token})
	post(t, http.DefaultClient, url+"/v3/kv/range", `{"key":"YQ=="}`, map[string]string{"Authorization": secret("by the gateway") + ".1"})
	v2Canaries(t, url, secret)
	for what, s := range secrets {
		require.NotEmpty(t, s, what)
	}
	seen := 0
	search := func(where string, data []byte) {
		seen++
		for what, s := range secrets {
			for form, text := range map[string]string{"": s, " in base64": base64.StdEncoding.EncodeToString([]byte(s))[:len(s)], " in hex": hex.EncodeToString([]byte(s))} {
				require.False(t, bytes.Contains(data, []byte(text)), "%s: the secret %q%s", where, what, form)
			}
		}
	}
	for _, page := range []string{"/metrics", "/debug/vars", "/debug/requests", "/debug/events", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/requests/expensive", "/version", "/health"} {
		_, body, err := srv.cluster.Member(0).Get(ctx, page)
		require.NoError(t, err)
		search(page, []byte(body))
	}
	// The files, with all that a stop still writes.
	require.NoError(t, srv.cluster.Member(0).Stop(startTimeout))
	require.NoError(t, filepath.Walk(filepath.Dir(srv.cluster.Member(0).LogPath), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			search(path, data)
		}
		return err
	}))
	require.Greater(t, seen, 12)
	log, err := os.ReadFile(srv.cluster.Member(0).LogPath)
	require.NoError(t, err)
	require.Contains(t, string(log), "user", "the log says something of users at all")
}
