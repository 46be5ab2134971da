package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func compareCommand() *cobra.Command {
	return tableCommand("compare", "Measures every row by which releases are judged, 1 and 3 members", defaultSettings(), table)
}

func v2CompareCommand() *cobra.Command {
	return tableCommand("v2-compare", "Measures the rows of API 2, 1 and 3 members", v2Settings(), tableV2)
}

// tableCommand makes a command that measures a table's rows.
func tableCommand(use, short string, s settings, rows func(scale) []row) *cobra.Command {
	full := fullScale()
	var only []string
	var quick, list bool
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen := full
			if quick {
				var err error
				if chosen, err = quicker(cmd.Flags()); err != nil {
					return err
				}
				if !cmd.Flags().Changed("pairs") {
					s.pairs = 1
				}
			}
			these := choose(rows(chosen), only)
			if len(these) == 0 {
				return fmt.Errorf("%w: --only %v chooses no row", errUsage, only)
			}
			if list {
				return listRows(cmd, these)
			}
			return s.run(cmd.Context(), these, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.pairs = 5
	s.register(cmd.Flags())
	full.register(cmd.Flags())
	cmd.Flags().StringSliceVar(&only, "only", nil, "only rows whose name contains this; repeat it for more")
	cmd.Flags().BoolVar(&quick, "quick", false, "a short form, once each unless --pairs is given: a test that the rows work, no measurement")
	cmd.Flags().BoolVar(&list, "list", false, "list the rows and their goals, and measure nothing")
	return cmd
}

// quicker is the short scale, with the flags that were given all the same.
func quicker(given *pflag.FlagSet) (scale, error) {
	s := quickScale()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.register(flags)
	var err error
	given.Visit(func(f *pflag.Flag) {
		if flags.Lookup(f.Name) != nil && err == nil {
			err = flags.Set(f.Name, f.Value.String())
		}
	})
	return s, err
}

// choose keeps the rows whose name contains one of the texts, of which none means any.
func choose(rows []row, texts []string) []row {
	var chosen []row
	for _, r := range rows {
		matches := len(texts) == 0
		for _, text := range texts {
			matches = matches || strings.Contains(r.name, text)
		}
		if matches {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// listRows prints what would be measured.
func listRows(cmd *cobra.Command, rows []row) error {
	for _, r := range rows {
		var goals []string
		for _, g := range r.goals {
			goals = append(goals, string(g.Figure)+" "+g.String())
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", r.title(), strings.Join(goals, ", ")); err != nil {
			return err
		}
	}
	return nil
}
