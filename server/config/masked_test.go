package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMasked(t *testing.T) {
	for given, want := range map[string]string{
		"etcd --name a --discovery-password=x --debug":      "etcd --name a --discovery-password=*** --debug",
		"etcd -discovery-password=x=y":                      "etcd -discovery-password=***",
		"etcd --discovery-password x --name=b":              "etcd --discovery-password *** --name=b",
		"etcd -discovery-user ann:x:y --discovery-user=b:z": "etcd -discovery-user ann:*** --discovery-user=b:***",
		"etcd --discovery-user ann --discovery-user=bob":    "etcd --discovery-user ann --discovery-user=bob",
		"etcd discovery-password x":                         "etcd discovery-password x",
		"etcd --discovery-password":                         "etcd --discovery-password",
		"etcd --discovery-password --discovery-user=a:b":    "etcd --discovery-password ***",
		"": "",
	} {
		require.Equal(t, want, strings.Join(Masked(strings.Split(given, " ")), " "), given)
	}
}

func TestVariablesAreMasked(t *testing.T) {
	c, err := Parse(nil, []string{"ETCD_DISCOVERY_USER=ann:canary", "ETCD_DISCOVERY_PASSWORD=canary", "ETCD_NAME=n"})
	require.NoError(t, err)
	require.NotEmpty(t, c.Notices)
	require.NotContains(t, fmt.Sprint(c.Notices), "canary")
	require.Contains(t, fmt.Sprint(c.Notices), "ann:***")
}
