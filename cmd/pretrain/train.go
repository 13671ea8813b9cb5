package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/checkpoint"
	"kith/internal/console"
	"kith/internal/rundir"
	"kith/nn"
	"kith/nnclr/train"
)

// newTrain is the command that trains: the root, and the same under its own name.
func newTrain() *cobra.Command {
	c := &cobra.Command{Short: "train an encoder (the same without the word)", Args: cobra.ArbitraryArgs}
	flags := addSettings(c, func(settings.Field) bool { return true })
	files := c.Flags().StringArrayP("config", "c", nil, "settings from a YAML file; repeatable, later ones win")
	c.RunE = func(c *cobra.Command, args []string) error {
		assigned, err := line(c, flags, args)
		if err != nil {
			return err
		}
		s, warnings, err := settings.Load(settings.Input{Recipes: recipeFiles(), Files: *files, Environ: os.Environ(), Line: assigned})
		if err != nil {
			return err
		}
		defer showStack(c.ErrOrStderr(), s.Debug)
		con := newConsole(s, c.OutOrStdout(), c.ErrOrStderr())
		for _, w := range warnings {
			con.Warn("%s", w)
		}
		if s.DryRun {
			return dryRun(c.Context(), s, c.OutOrStdout())
		}
		return runTrain(c.Context(), s, con)
	}
	return c
}

// newConsole prints to out; on a terminal it may redraw.
func newConsole(s *settings.Settings, out, errs io.Writer) *console.Console {
	o := console.Options{Out: out, Err: errs, Quiet: s.Quiet, JSON: s.JSON, Now: time.Now}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		o.Terminal, o.Width = true, 100
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			o.Width = w
		}
	}
	o.Color = s.Color == "always" || s.Color == "auto" && o.Terminal && os.Getenv("NO_COLOR") == ""
	return console.New(o)
}

// runTrain makes the parts, finds the run directory, and trains.
func runTrain(ctx context.Context, s *settings.Settings, con *console.Console) error {
	p, err := openParts(s)
	if err != nil {
		return err
	}
	defer p.root.Close()
	dir, resumed, err := openRun(s, p.digest, time.Now(), func(text string) { con.Warn("%s", text) })
	if err != nil {
		return err
	}
	defer dir.Close()
	return trainIn(ctx, s, p, dir, resumed, con)
}

// trainIn trains in a run directory, and leaves in STATUS how it ended.
func trainIn(ctx context.Context, s *settings.Settings, p *parts, dir *rundir.Dir, resumed bool, con *console.Console) error {
	ctx, stop := stopOnSignal(ctx, func(sig os.Signal) { con.Line("%v: finishing the step and saving; once more stops at once", sig) })
	defer stop()
	j := p.job(s)
	j.Captures = dir.Join("nan")
	j.Checkpoints = train.Checkpoints{
		Dir: dir.Join(checkpoints), Keep: s.Keep, KeepEvery: s.KeepEvery,
		ConfigDigest: s.Digest(), DataDigest: p.digest, CodeVersion: readBuild().revision,
	}
	state := train.New()
	if resumed {
		var err error
		if state, err = train.Load(j, func(text string) { con.Warn("%s", text) }); err != nil {
			return err
		}
	}
	w, err := openWatch(s, p, dir, state.Step, con)
	if err != nil {
		return err
	}
	defer w.close()
	j.Events = w.event
	if err := begin(s, p, dir, resumed); err != nil {
		return err
	}
	greet(con, s, p, dir, state.Step)
	summary, err := train.Run(ctx, j, state)
	con.Close()
	if err == nil {
		err = finish(s, p, w, summary)
	}
	if err != nil {
		w.log.Error("ended", "step", state.Step, "why", err)
	}
	return ended(dir, state.Step, err)
}

// ended writes STATUS, and turns the end of a stopped run into its message.
func ended(dir *rundir.Dir, step int, err error) error {
	status := rundir.Status{State: rundir.Done}
	switch {
	case errors.Is(err, train.ErrStopped):
		status.State = rundir.Interrupted
		err = &failure{code: exitStopped, err: err, hints: []string{"pretrain resume " + dir.Path + "  goes on"},
			msg: fmt.Sprintf("stopped at step %s, with a checkpoint", console.Count(step))}
	case err != nil:
		f := explain(err)
		if n := lastStep(dir.Path); f.code == exitTraining && n > 0 {
			f.msg += "; last good checkpoint " + checkpoint.Name(n)
		}
		err, status = f, rundir.Status{State: rundir.Failed, Code: f.code, Reason: f.msg}
		if f.code == exitOutput { // the disk is at fault, not the run
			status = rundir.Status{State: rundir.Interrupted}
			f.hints = append(f.hints, "then  pretrain resume "+dir.Path+"  goes on from the last checkpoint")
		}
	}
	if e := dir.SetStatus(status); err == nil {
		return e
	}
	return err // the first error counts; a STATUS that says running and is held by nobody reads as interrupted
}

// begin writes what the run is: settings, command, machine, data. STATUS comes last: without it there is no run yet.
func begin(s *settings.Settings, p *parts, dir *rundir.Dir, resumed bool) error {
	running := rundir.Status{State: rundir.Running}
	if resumed {
		return dir.SetStatus(running)
	}
	d := dataFile{Sources: s.Data, Images: p.sets.Train.Len(), Classes: len(p.sets.Classes), Notes: p.sets.Notes, Digest: p.digest}
	if p.sets.Score != nil {
		d.Scored = p.sets.Score.Len()
	}
	err := errors.Join(
		dir.Replace(configName, s.WriteYAML),
		dir.WriteFile(commandName, []byte(strings.Join(os.Args, " ")+"\n")),
		dir.WriteJSON(envName, environment(s, p)),
		dir.WriteJSON(dataName, d))
	if err != nil {
		return err
	}
	return dir.SetStatus(running)
}

// greet prints what runs, on what, where.
func greet(con *console.Console, s *settings.Settings, p *parts, dir *rundir.Dir, step int) {
	con.Line("pretrain %s  %s  %s (%s)  |  %s", readBuild().version, strings.ToUpper(s.Method), s.Model, console.Short(nn.Count(p.encoder)), p.device(s))
	con.Line("data    %s", p.describe(s))
	for _, note := range p.sets.Notes {
		con.Line("        %s", note)
	}
	if p.sets.Score == nil {
		con.Line("        no labels: accuracy unknown; look at the neighbors")
	}
	if p.chosen != nil {
		con.Line("chosen  %s", strings.Join(p.chosen, " "))
	}
	if p.loaded != nil {
		con.Line("weights %d tensors used, %d unused, %d missing in %s", len(p.loaded.Used), len(p.loaded.Unused), len(p.loaded.Missing), s.Weights)
	}
	con.Line("goal    %s; run: %s", p.goal(s), dir.Path)
	if step > 0 {
		con.Line("        continuing at step %s (--resume never starts a new one)", console.Count(step))
	}
}
