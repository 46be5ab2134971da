//go:build linux

package thirdparty

import (
	"encoding/base64"
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

// addUser turns authentication on, as Patroni's documentation advises: Patroni may read and write below its own prefix, and who shows no
// password nothing. Each API has users of its own.
func addUser(t *testing.T, store *process.Cluster, section string) {
	t.Helper()
	url := store.Member(0).ClientURL
	if section == "etcd" {
		call(t, "PUT", url+"/v2/auth/users/root", `{"user":"root","password":"root","roles":["root"]}`)
		call(t, "PUT", url+"/v2/auth/roles/"+storeUser,
			fmt.Sprintf(`{"role":%q,"permissions":{"kv":{"read":["/service/*"],"write":["/service/*"]}}}`, storeUser))
		call(t, "PUT", url+"/v2/auth/users/"+storeUser, fmt.Sprintf(`{"user":%q,"password":%[1]q,"roles":[%[1]q]}`, storeUser))
		call(t, "PUT", url+"/v2/auth/enable", "")
		call(t, "PUT", strings.Replace(url, "://", "://root:root@", 1)+"/v2/auth/roles/guest",
			`{"role":"guest","revoke":{"kv":{"read":["/*"],"write":["/*"]}}}`)
		return
	}
	b64 := base64.StdEncoding.EncodeToString
	call(t, "POST", url+"/v3/auth/user/add", `{"name":"root","password":"root"}`)
	call(t, "POST", url+"/v3/auth/user/grant", `{"user":"root","role":"root"}`)
	call(t, "POST", url+"/v3/auth/role/add", fmt.Sprintf(`{"name":%q}`, storeUser))
	call(t, "POST", url+"/v3/auth/role/grant", fmt.Sprintf(`{"name":%q,"perm":{"permType":"READWRITE","key":%q,"range_end":%q}}`,
		storeUser, b64([]byte("/service/")), b64([]byte("/service0"))))
	call(t, "POST", url+"/v3/auth/user/add", fmt.Sprintf(`{"name":%q,"password":%[1]q}`, storeUser))
	call(t, "POST", url+"/v3/auth/user/grant", fmt.Sprintf(`{"user":%q,"role":%[1]q}`, storeUser))
	call(t, "POST", url+"/v3/auth/enable", "{}")
}

// call sends one request that must succeed.
func call(t *testing.T, method, url, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 2, resp.StatusCode/100, "%s %s: %s", method, url, answer)
}
