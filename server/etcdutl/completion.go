package etcdutl

import (
	"github.com/spf13/cobra"
)

// completionCommand prints scripts that make shells complete commands and flags.
func (u *utl) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion [bash|zsh|fish|powershell]",
		Short: "Prints a script that completes etcdutl's commands and flags",
		Long: `Prints a script that completes etcdutl's commands and flags in a shell.

  bash        source <(etcdutl completion bash)
  zsh         etcdutl completion zsh > "${fpath[1]}/_etcdutl"
  fish        etcdutl completion fish | source
  powershell  etcdutl completion powershell | Out-String | Invoke-Expression`,
		DisableFlagsInUseLine: true,
		ValidArgs:             []string{"bash", "zsh", "fish", "powershell"},
		Args:                  cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: u.run(func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletion(u.Stdout)
			case "zsh":
				return root.GenZshCompletion(u.Stdout)
			case "fish":
				return root.GenFishCompletion(u.Stdout, true)
			default:
				return root.GenPowerShellCompletionWithDesc(u.Stdout)
			}
		}),
	}
}
