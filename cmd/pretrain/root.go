package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kith/cmd/pretrain/internal/settings"
)

// newRoot builds the command tree. The root trains: it takes settings, data sources and sub-commands.
func newRoot() *cobra.Command {
	root := newTrain()
	root.Use = "pretrain [flags] [DIR] [key=value ...]"
	root.SilenceUsage, root.SilenceErrors = true, true // an error prints one message, never the usage text
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { fmt.Fprint(c.OutOrStdout(), help(c)) })
	train := newTrain()
	train.Use = "train [flags] [DIR] [key=value ...]"
	root.AddCommand(train, newResume(), newEval(), newEmbed(), newData(), newBench(), newDoctor(), newRecipes(), newVersion(), newSettingsTopic())
	return root
}

// line turns flags and arguments into settings, in the order in which they were written.
func line(c *cobra.Command, flags *[]written, args []string) ([]settings.Assignment, error) {
	var out []settings.Assignment
	next := 0
	for i, arg := range args {
		for ; next < len(*flags) && (*flags)[next].before <= i; next++ {
			out = append(out, (*flags)[next].Assignment)
		}
		a, err := argument(c, arg)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	for _, f := range (*flags)[next:] {
		out = append(out, f.Assignment)
	}
	return out, nil
}

var (
	keyValue = regexp.MustCompile(`^[a-z][a-z0-9_.-]*=`)
	scheme   = regexp.MustCompile(`^[a-z][a-z0-9]*:`)
)

// argument is a setting (key=value) or a source of data.
func argument(c *cobra.Command, arg string) (settings.Assignment, error) {
	if keyValue.MatchString(arg) {
		key, value, _ := strings.Cut(arg, "=")
		key = strings.ReplaceAll(key, "-", "_")
		return settings.Assignment{Key: key, Texts: []string{value}, Origin: "argument", Name: key}, nil
	}
	if _, err := os.Stat(arg); err != nil && !scheme.MatchString(arg) && !strings.ContainsAny(arg, "{*") {
		return settings.Assignment{}, notData(c, arg)
	}
	return settings.Assignment{Key: "data", Texts: []string{arg}, Origin: "argument", Name: "data"}, nil
}

// notData refuses a word that is neither data nor a command, and guesses which command was meant.
func notData(c *cobra.Command, arg string) error {
	var names []string
	for _, sub := range c.Root().Commands() {
		names = append(names, sub.Name())
	}
	if s := settings.DidYouMean(arg, names, ""); s != "" && !strings.ContainsAny(arg, `/\.`) {
		return usage("", "unknown command %q%s", arg, s)
	}
	return usage("pretrain DIR takes a folder or an archive; pretrain help  lists the commands", "no file, folder or command %q", arg)
}

// A written flag remembers how many arguments stood before it, so that flags and key=value pairs keep their order.
type written struct {
	settings.Assignment
	before int
}

// A flagValue records what the command line says; settings.Load judges it.
type flagValue struct {
	field settings.Field
	set   *[]written
	args  func() int // arguments seen so far
}

func (v flagValue) Set(text string) error {
	a := settings.Assignment{Key: v.field.Key, Texts: []string{text}, Origin: "flag", Name: "--" + v.field.Flag()}
	*v.set = append(*v.set, written{a, v.args()})
	return nil
}

func (v flagValue) String() string { return "" }

func (v flagValue) Type() string {
	if v.field.Switch() {
		return "bool"
	}
	return "value"
}

// addSettings gives a command one flag for each setting that takes, and returns where they are noted.
func addSettings(c *cobra.Command, takes func(settings.Field) bool) *[]written {
	set := new([]written)
	flags := c.Flags()
	for _, f := range settings.Fields() {
		if !takes(f) {
			continue
		}
		flag := flags.VarPF(flagValue{f, set, flags.NArg}, f.Flag(), "", f.Help)
		if f.Switch() {
			flag.NoOptDefVal = "on" // --eager alone means on
		}
	}
	return set
}

// takes wants n arguments.
func takes(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return usage("", "%s needs %s", c.CommandPath(), strings.TrimPrefix(c.Use, c.Name()+" "))
		case len(args) > n:
			return usage(c.CommandPath()+" --help", "%s does not take %q", c.CommandPath(), args[n])
		}
		return nil
	}
}

// flagError adds the nearest flag to cobra's finding.
func flagError(c *cobra.Command, err error) error {
	var unknown interface{ GetSpecifiedName() string }
	if !errors.As(err, &unknown) {
		return usage("pretrain help", "%v", err)
	}
	name := unknown.GetSpecifiedName()
	if flag := c.Flags().Lookup(name); flag != nil {
		return usage(flag.Usage, "--%s needs a value", name)
	}
	if c.Name() == "resume" && slices.ContainsFunc(settings.Fields(), func(f settings.Field) bool { return f.Flag() == name }) {
		return usage("pretrain -c RUN/config.yaml --"+name+" VALUE  starts another run", "--%s would change the result: resume keeps a run's settings", name)
	}
	if near := settings.Nearest(name, flagNames(c)); near != "" {
		return usage("", "unknown flag --%s  (did you mean --%s?)", name, near)
	}
	return usage(strings.TrimSpace(c.CommandPath())+" --help  lists the flags of this command, pretrain help settings  all settings", "unknown flag --%s", name)
}

var flagUsage = regexp.MustCompile(`(?m)^ +(?:-\w, )?--(\S+)`)

// flagNames are the names after -- that c takes, read from its usage text: the type that lists flags belongs to a
// library that kith would otherwise not name.
func flagNames(c *cobra.Command) []string {
	var names []string
	for _, m := range flagUsage.FindAllStringSubmatch(c.LocalFlags().FlagUsages(), -1) {
		names = append(names, m[1])
	}
	return names
}
