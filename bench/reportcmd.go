package main

import (
	"github.com/spf13/cobra"

	"github.com/petcd/petcd/bench/report"
)

// reportCommand renders a file of runs again.
func reportCommand() *cobra.Command {
	var html string
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Prints the table of a JSON file again, and writes its page",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := report.ReadFile(args[0])
			if err != nil {
				return err
			}
			if html != "" {
				if err := r.WritePage(html); err != nil {
					return err
				}
			}
			return r.WriteTable(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&html, "html", html, "write the page to this file")
	return cmd
}
