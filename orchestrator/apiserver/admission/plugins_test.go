package admission

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/server/options"
)

// flags are those of admission as the apiserver makes them.
func flags() *options.AdmissionOptions {
	o := &options.AdmissionOptions{RecommendedPluginOrder: Order(), DefaultOffPlugins: sets.New(DefaultOff()...), Plugins: admission.NewPlugins()}
	Register(o.Plugins)
	return o
}

// Each plugin has its place in the order, and nothing else has.
func TestOrderIsComplete(t *testing.T) {
	require.Empty(t, flags().Validate())
	require.Subset(t, Order(), DefaultOff())
	require.Equal(t, "ResourceQuota", Order()[len(Order())-1])
}

func TestEveryPluginCanBeMade(t *testing.T) {
	plugins := flags().Plugins
	for _, name := range Order() {
		p, err := plugins.InitPlugin(name, nil, admission.PluginInitializers{})
		if err != nil { // it wants something
			require.ErrorContains(t, err, "needs")
			continue
		}
		require.NotNil(t, p, name)
	}
}

func TestFlags(t *testing.T) {
	for name, tc := range map[string]struct{ flag, want string }{
		"ours":                {"--enable-admission-plugins=NodeRestriction,PodSecurity", ""},
		"off":                 {"--disable-admission-plugins=ServiceAccount", ""},
		"unknown":             {"--enable-admission-plugins=AlwaysPullImages", `enable-admission-plugins plugin "AlwaysPullImages" is unknown`},
		"unknown, turned off": {"--disable-admission-plugins=Foo", `disable-admission-plugins plugin "Foo" is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			o, fs := flags(), pflag.NewFlagSet("", pflag.ContinueOnError)
			o.AddFlags(fs)
			require.NoError(t, fs.Parse([]string{tc.flag}))
			errs := o.Validate()
			if tc.want == "" {
				require.Empty(t, errs)
				return
			}
			require.Len(t, errs, 1)
			require.EqualError(t, errs[0], tc.want)
		})
	}
}
