package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/console"
	"kith/internal/fsys"
	"kith/internal/rundir"
)

func newResume() *cobra.Command {
	c := &cobra.Command{
		Use: "resume RUN [flags]", Short: "go on with a stopped run, to the same bits as if it had not stopped", Args: takes(1),
		Long: "Go on with a run under its own settings. Flags that cannot change its result may differ: --threads, --device,\n--save-every and the like. --out NEW goes on in a copy and leaves RUN untouched.\n",
	}
	flags := addSettings(c, func(f settings.Field) bool {
		return f.Neutral && !slices.Contains([]string{"name", "resume", "dry_run"}, f.Key)
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		assigned, err := line(c, flags, nil)
		if err != nil {
			return err
		}
		return runResume(c, args[0], assigned)
	}
	return c
}

func runResume(c *cobra.Command, run string, line []settings.Assignment) error {
	s, err := readConfig(run, line...)
	if err != nil {
		return err
	}
	defer showStack(c.ErrOrStderr(), s.Debug)
	con := newConsole(s, c.OutOrStdout(), c.ErrOrStderr())
	path := run
	if out := given(line, "out"); out != "" {
		if path, err = copyRun(run, out); err != nil {
			return err
		}
	}
	return resumeIn(c.Context(), s, path, con)
}

// resumeIn goes on in the run directory path.
func resumeIn(ctx context.Context, s *settings.Settings, path string, con *console.Console) error {
	dir, err := rundir.Open(path, func(text string) { con.Warn("%s", text) })
	if err != nil {
		return err
	}
	defer dir.Close()
	if status, err := rundir.ReadStatus(path); err == nil && status.State == rundir.Done {
		return usage("a longer run:  pretrain --weights "+path+" …", "%s is finished", path)
	}
	p, err := openParts(s)
	if err != nil {
		return err
	}
	defer p.root.Close()
	if d, err := readData(path); err != nil || d.Digest != p.digest {
		return &failure{code: exitData, msg: fmt.Sprintf("the images of %s have changed: their list, or the JPEG decoder, is not the one it was trained with", path),
			hints: []string{"a run goes on with the same images only; start another with  pretrain -c " + path + "/" + configName}}
	}
	return trainIn(ctx, s, p, dir, true, con)
}

// copyRun copies a run, so that the copy can go on and the run stays as it is. The copy appears whole or not at all.
func copyRun(from, to string) (string, error) {
	if _, err := os.Stat(to); err == nil {
		return "", usage("--out takes a new directory", "%s exists", to)
	}
	to = filepath.Clean(to)
	part := filepath.Join(filepath.Dir(to), ".tmp-"+filepath.Base(to)+"-"+fsys.Unique())
	if err := os.CopyFS(part, os.DirFS(from)); err != nil {
		return "", errors.Join(err, os.RemoveAll(part))
	}
	return to, os.Rename(part, to)
}

// given is what the command line says about a key, "" where nothing.
func given(line []settings.Assignment, key string) (text string) {
	for _, a := range line {
		if a.Key == key {
			text = a.Texts[0]
		}
	}
	return text
}
