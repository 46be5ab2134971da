//go:build linux

package thirdparty

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// storeUser is Patroni's name and its password in the store.
const storeUser = "patroni"

// addUser turns API 2's authentication on: Patroni may read and write below its own prefix, and who shows no password nothing.
func addUser(t *testing.T, store *process.Cluster) {
	t.Helper()
	url := store.Member(0).ClientURL
	call(t, url+"/v2/auth/users/root", `{"user":"root","password":"root","roles":["root"]}`)
	call(t, url+"/v2/auth/roles/"+storeUser,
		fmt.Sprintf(`{"role":%q,"permissions":{"kv":{"read":["/service/*"],"write":["/service/*"]}}}`, storeUser))
	call(t, url+"/v2/auth/users/"+storeUser, fmt.Sprintf(`{"user":%q,"password":%[1]q,"roles":[%[1]q]}`, storeUser))
	call(t, url+"/v2/auth/enable", "")
	call(t, strings.Replace(url, "://", "://root:root@", 1)+"/v2/auth/roles/guest",
		`{"role":"guest","revoke":{"kv":{"read":["/*"],"write":["/*"]}}}`)
}

// call sends one PUT that must succeed.
func call(t *testing.T, url, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 2, resp.StatusCode/100, "%s: %s", url, answer)
}
