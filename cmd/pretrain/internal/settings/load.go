package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// An Assignment is one setting as a layer spells it.
type Assignment struct {
	Key    string
	Texts  []string // several for a list
	Origin string   // recipe demo, my.yaml:7, env, flag
	Name   string   // how the user wrote the key, for messages: --batch, PRETRAIN_BATCH, my.yaml:7: batch
	Source []string // the lines around it, where there is a file
}

// An Error is a setting that cannot be: one line that says what and where, the lines of the file, and what to do.
type Error struct {
	Msg    string
	Source []string
	Hint   string
}

func (e *Error) Error() string { return e.Msg }

// An Input is what [Load] reads from, lowest layer first.
type Input struct {
	Recipes fs.FS        // NAME.yaml
	Files   []string     // named by -c; later ones win
	Environ []string     // NAME=value, as os.Environ gives them
	Line    []Assignment // the command line, in its order; the last one wins
}

// Settings are the values of a run together with where each came from.
type Settings struct {
	Train
	origin map[string]string
}

// Origin says which layer decided the setting: default, recipe NAME, FILE:LINE, env, flag.
func (s *Settings) Origin(key string) string { return s.origin[key] }

// Load lays the layers over each other and checks the result. Warnings are complete sentences for the user.
func Load(in Input) (s *Settings, warnings []string, err error) {
	var layers [][]Assignment
	for _, name := range in.Files {
		layer, err := readFile(name)
		if err != nil {
			return nil, nil, err
		}
		layers = append(layers, layer)
	}
	env, warnings := readEnv(in.Environ)
	layers = append(layers, env, in.Line)
	recipe, err := readRecipe(in.Recipes, chooseRecipe(layers))
	if err != nil {
		return nil, nil, err
	}
	s = defaults()
	for _, layer := range append([][]Assignment{recipe}, layers...) {
		if err := s.apply(layer); err != nil {
			return nil, nil, err
		}
	}
	return s, append(warnings, s.idle()...), s.check()
}

// defaults fills every field that has a default of its own; recipes fill the others.
func defaults() *Settings {
	s := &Settings{origin: map[string]string{}}
	for _, f := range Fields() {
		s.origin[f.Key] = "default"
		if f.Default == "recipe" {
			continue
		}
		texts := []string{f.Default}
		if f.Default == "" && f.Repeats() {
			texts = nil
		}
		if err := f.set(&s.Train, texts); err != nil {
			panic(fmt.Sprintf("settings: default of %s: %v", f.Key, err)) // a wrong tag; every test sees it
		}
	}
	return s
}

// lengths are the settings of which exactly one counts.
var lengths = []string{"epochs", "steps", "budget"}

// apply lays one layer over the settings. A layer that names a length takes the place of every length below it.
func (s *Settings) apply(layer []Assignment) error {
	lists := map[string][]string{} // what this layer collected for settings that repeat
	named := ""
	for _, a := range expand(layer) {
		f, ok := find(a.Key)
		if !ok {
			return a.unknown()
		}
		if slices.Contains(lengths, f.Key) {
			if named != "" && named != f.Key {
				return &Error{Msg: fmt.Sprintf("%s and %s are both given: a run has one length", named, f.Key),
					Hint: "leave out one of them"}
			}
			named = f.Key
			s.Epochs, s.Steps, s.Budget = 0, 0, 0
		}
		texts := a.Texts
		if f.Repeats() {
			lists[f.Key] = append(lists[f.Key], texts...)
			texts = lists[f.Key]
		}
		if err := f.set(&s.Train, texts); err != nil {
			return a.invalid(f, err)
		}
		s.origin[f.Key] = a.Origin
	}
	return nil
}

// expand replaces model=NAME-cifar by what it stands for.
func expand(layer []Assignment) (out []Assignment) {
	for _, a := range layer {
		base, short := "", false
		if a.Key == "model" && len(a.Texts) == 1 {
			base, short = strings.CutSuffix(a.Texts[0], "-cifar")
		}
		if !short {
			out = append(out, a)
			continue
		}
		for _, kv := range [][2]string{{"model", base}, {"stem", "cifar"}, {"size", "32"}} {
			part := a
			part.Key, part.Texts = kv[0], []string{kv[1]}
			out = append(out, part)
		}
	}
	return out
}

// Choose sets a value that kith worked out from data and device, unless the user named one.
func (s *Settings) Choose(key, text string) error {
	f, ok := find(key)
	if !ok {
		return fmt.Errorf("no setting %q", key)
	}
	if o := s.origin[key]; o != "default" && !strings.HasPrefix(o, "recipe ") {
		return nil
	}
	s.origin[key] = "chosen"
	return f.set(&s.Train, []string{text})
}

func find(key string) (Field, bool) {
	key = strings.ReplaceAll(key, "-", "_")
	for _, f := range Fields() {
		if f.Key == key {
			return f, true
		}
	}
	return Field{}, false
}

// chooseRecipe is the recipe that the highest layer names; without any, demo where no layer names data.
func chooseRecipe(layers [][]Assignment) string {
	recipe, data := "", false
	for _, layer := range layers {
		for _, a := range layer {
			if a.Key == "recipe" && len(a.Texts) == 1 {
				recipe = a.Texts[0]
			}
			data = data || a.Key == "data" && !slices.Equal(a.Texts, []string{"builtin:patches"})
		}
	}
	if recipe != "" {
		return recipe
	}
	if data {
		return "auto"
	}
	return "demo"
}

func readRecipe(recipes fs.FS, name string) ([]Assignment, error) {
	b, err := fs.ReadFile(recipes, name+".yaml")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		names := RecipeNames(recipes)
		return nil, &Error{Msg: fmt.Sprintf("no recipe %q%s", name, DidYouMean(name, names, "")),
			Hint: "recipes: " + strings.Join(names, ", ") + ";  a file of your own goes with  -c FILE"}
	}
	if err != nil {
		return nil, err
	}
	layer, err := parseYAML("recipe "+name, b)
	for i := range layer {
		layer[i].Origin = "recipe " + name
	}
	return append(layer, Assignment{Key: "recipe", Texts: []string{name}, Origin: "recipe " + name}), err
}

// RecipeNames lists the recipes in order of name.
func RecipeNames(recipes fs.FS) (names []string) {
	files, _ := fs.Glob(recipes, "*.yaml")
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".yaml"))
	}
	slices.Sort(names)
	return names
}

func (a Assignment) unknown() error {
	name, prefix := a.Name, ""
	if rest, isFlag := strings.CutPrefix(a.Name, "--"); isFlag {
		name, prefix = rest, "--"
	}
	where := ""
	if i := strings.LastIndex(name, ": "); i >= 0 { // my.yaml:7: bathc
		where, name = name[:i+2], name[i+2:]
	}
	return &Error{Msg: fmt.Sprintf("%sunknown setting %q%s", where, prefix+name, Suggest(a.Key)), Source: a.Source,
		Hint: unlessEmpty(Suggest(a.Key), "pretrain help settings  lists them all")}
}

// unlessEmpty gives hint where there is no suggestion to follow.
func unlessEmpty(suggestion, hint string) string {
	if suggestion != "" {
		return ""
	}
	return hint
}

// Suggest is `  (did you mean "batch"?)` for a misspelled key, or "".
func Suggest(key string) string {
	var keys []string
	for _, f := range Fields() {
		keys = append(keys, f.Key)
	}
	return DidYouMean(strings.ReplaceAll(key, "-", "_"), keys, "")
}

func (a Assignment) invalid(f Field, err error) error {
	e := &Error{Msg: fmt.Sprintf("%s: %v", a.Name, err), Source: a.Source, Hint: f.Key + ": " + f.Help}
	if f.Min != "" && f.Max != "" {
		e.Hint += fmt.Sprintf(" (%s to %s)", f.Min, f.Max)
	} else if f.Min != "" {
		e.Hint += fmt.Sprintf(" (at least %s)", f.Min)
	}
	return e
}
