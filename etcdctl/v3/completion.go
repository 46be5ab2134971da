package v3

import (
	"github.com/spf13/cobra"
)

func (c *ctl) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion [bash|zsh|fish|powershell]",
		Short: "Prints a script that completes etcdctl's commands and flags",
		Long: `Prints a script that completes etcdctl's commands and flags in a shell.

  bash        source <(etcdctl completion bash)
  zsh         etcdctl completion zsh > "${fpath[1]}/_etcdctl"
  fish        etcdctl completion fish | source
  powershell  etcdctl completion powershell | Out-String | Invoke-Expression`,
		DisableFlagsInUseLine: true,
		ValidArgs:             []string{"bash", "zsh", "fish", "powershell"},
		Args:                  cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletion(c.Stdout)
			case "zsh":
				return root.GenZshCompletion(c.Stdout)
			case "fish":
				return root.GenFishCompletion(c.Stdout, true)
			default:
				return root.GenPowerShellCompletionWithDesc(c.Stdout)
			}
		}),
	}
}
