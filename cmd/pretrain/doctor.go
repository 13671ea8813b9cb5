package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"kith/internal/doctor"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	out  string
	json bool
}

func newDoctor() *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use: "doctor", Short: "look at processor, devices, memory, disk and speed", Args: takes(0),
		RunE: func(c *cobra.Command, _ []string) error { return runDoctor(c.Context(), o, c.OutOrStdout()) },
	}
	c.Flags().StringVar(&o.out, "out", "runs", "where runs are to be written")
	c.Flags().BoolVar(&o.json, "json", false, "one JSON object a line")
	return c
}

func runDoctor(ctx context.Context, o doctorOptions, w io.Writer) error {
	enc := json.NewEncoder(w)
	return doctor.Run(ctx, doctor.Checks(o.out, stopwatch(time.Now)), func(f doctor.Finding) error {
		if o.json {
			return enc.Encode(f)
		}
		return f.Print(w)
	})
}
