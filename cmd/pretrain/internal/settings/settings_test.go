package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recipe names every setting that has no default of its own.
const recipe = "tau: 0.1\nqueue: 4096\nmodel: resnet-tiny\nbatch: 256\noptim: sgd\nlr: 0.1\ndecay: 5e-4\nwarmup: 30\nsize: 32\nbudget: 100s\n"

var recipes = fstest.MapFS{
	"demo.yaml": {Data: []byte(recipe)},
	"auto.yaml": {Data: []byte(strings.Replace(recipe, "budget: 100s", "epochs: 200", 1))},
	"open.yaml": {Data: []byte("tau: 0.1\n")},
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "my.yaml")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func flag(key, text string) Assignment {
	return Assignment{Key: key, Texts: []string{text}, Origin: "flag", Name: "--" + key}
}

// TestPrecedence sets batch in more and more layers: each hides the ones below.
func TestPrecedence(t *testing.T) {
	a, b := file(t, "batch: 20\n"), file(t, "lr: 0.2\nbatch: 30\n")
	steps := []struct {
		in     Input
		batch  int
		origin string
	}{
		{Input{}, 256, "recipe demo"},
		{Input{Files: []string{a}}, 20, a + ":1"},
		{Input{Files: []string{a, b}}, 30, b + ":2"},
		{Input{Files: []string{a, b}, Environ: []string{"PRETRAIN_BATCH=40"}}, 40, "env"},
		{Input{Files: []string{a, b}, Environ: []string{"PRETRAIN_BATCH=40"}, Line: []Assignment{flag("batch", "50"), flag("batch", "60")}}, 60, "flag"},
	}
	for _, c := range steps {
		c.in.Recipes = recipes
		s, warnings, err := Load(c.in)
		if err != nil || warnings != nil {
			t.Fatalf("%+v: %v, warnings %v", c.in, err, warnings)
		}
		if int(s.Batch) != c.batch || s.Origin("batch") != c.origin {
			t.Errorf("batch %d from %q, want %d from %q", s.Batch, s.Origin("batch"), c.batch, c.origin)
		}
	}
}

func TestRecipeChoice(t *testing.T) {
	my := file(t, "recipe: demo\n")
	for _, c := range []struct {
		in   Input
		want string
	}{
		{Input{}, "demo"},
		{Input{Line: []Assignment{flag("data", "photos")}}, "auto"},
		{Input{Line: []Assignment{flag("data", "builtin:patches")}}, "demo"},
		{Input{Files: []string{my}, Line: []Assignment{flag("data", "photos")}}, "demo"},
		{Input{Environ: []string{"PRETRAIN_RECIPE=auto"}}, "auto"},
	} {
		c.in.Recipes = recipes
		s, _, err := Load(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if s.Recipe != c.want {
			t.Errorf("%+v: recipe %q, want %q", c.in, s.Recipe, c.want)
		}
	}
}

// TestLengths: the highest layer that names a length decides which one counts.
func TestLengths(t *testing.T) {
	s, _, err := Load(Input{Recipes: recipes, Line: []Assignment{flag("steps", "50")}})
	if err != nil || s.Steps != 50 || s.Budget != 0 || s.Epochs != 0 {
		t.Errorf("steps %d, budget %v, epochs %d, err %v; want 50 steps alone", s.Steps, s.Budget, s.Epochs, err)
	}
}

// TestWorkers: none is a number too, and auto is another.
func TestWorkers(t *testing.T) {
	for text, want := range map[string]Extra{"auto": -1, "0": 0, "3": 3} {
		s, _, err := Load(Input{Recipes: recipes, Line: []Assignment{flag("workers", text)}})
		if err != nil || s.Workers != want || s.Workers.String() != text {
			t.Errorf("%s: %v, written %v: %v", text, int(s.Workers), s.Workers, err)
		}
	}
}

func TestShortModelName(t *testing.T) {
	s, _, err := Load(Input{Recipes: recipes, Line: []Assignment{flag("model", "resnet18-cifar")}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Model != "resnet18" || s.Stem != "cifar" || s.Size != 32 {
		t.Errorf("model %s, stem %s, size %d", s.Model, s.Stem, s.Size)
	}
}

func TestErrors(t *testing.T) {
	my := func(text string) Input { return Input{Files: []string{file(t, text)}} }
	line := func(a ...Assignment) Input { return Input{Line: a} }
	for _, c := range []struct {
		name  string
		in    Input
		msg   string // in the message
		extra string // in source lines or hint
	}{
		{"misspelled in a file", my("lr: 0.3\nbathc: 256\n"), `my.yaml:2: unknown setting "bathc"  (did you mean "batch"?)`, "> 2 | bathc: 256"},
		{"nested", my("aug:\n  crop_mim: 0.2\n"), `my.yaml:2: unknown setting "aug.crop_mim"  (did you mean "aug.crop_min"?)`, "> 2 |   crop_mim: 0.2"},
		{"too deep", my("aug:\n  crop:\n    min: 1\n"), "my.yaml:2: aug.crop is nested too deep", ""},
		{"bad value in a file", my("batch: many\n"), `my.yaml:1: batch: "many" is neither a whole number from 1 on nor the word auto`, "images a step (at least 2)"},
		{"no value", my("batch:\n"), "my.yaml:1: batch has no value", ""},
		{"twice in a file", my("batch: 1\nbatch: 2\n"), "my.yaml:2: ", "> 2 | batch: 2"},
		{"broken file", my("batch: [1\n"), "my.yaml:1: ", "> 1 | batch: [1"},
		{"a list", my("- batch\n"), "my.yaml:1: not a list of settings", ""},
		{"no file", Input{Files: []string{"absent.yaml"}}, "-c absent.yaml: no such file or directory", "recipes show"},
		{"below the minimum", line(flag("batch", "1")), `--batch: 1 is below 2`, ""},
		{"above the maximum", line(flag("momentum", "2")), `--momentum: 2 is above 1`, "(0 to 1)"},
		{"wrong word", line(flag("optim", "lasr")), `--optim: "lasr" is none of lars, sgd  (did you mean "lars"?)`, ""},
		{"zero is not auto", line(flag("queue", "0")), `--queue: "0" is neither a whole number`, "rows of the support set"},
		{"fewer than none", line(flag("workers", "-1")), `--workers: "-1" is neither a whole number from 0 on nor the word auto`, "threads that decode"},
		{"wrong switch", line(flag("eager", "maybe")), `--eager: "maybe" is neither on nor off`, ""},
		{"not a number", line(flag("lr", "NaN")), `--lr: "NaN" is not a number`, ""},
		{"two lengths", line(flag("epochs", "1"), flag("steps", "2")), "epochs and steps are both given", "leave out one"},
		{"no length", line(flag("epochs", "0")), "the run has no length", "--epochs 100"},
		{"unit missing", line(flag("budget", "100")), `--budget: "100" is not a length of time such as 100s`, ""},
		{"unknown recipe", line(flag("recipe", "dmeo")), `no recipe "dmeo"  (did you mean "demo"?)`, "recipes: auto, demo"},
		{"recipe by path", line(flag("recipe", "../x")), `no recipe "../x"`, ""},
		{"incomplete recipe", line(flag("recipe", "open")), "recipe open leaves queue open", "queue=VALUE"},
		{"out and name", line(flag("out", "a"), flag("name", "b")), "out and name are both given", ""},
		{"name as path", line(flag("name", "a/b")), `--name "a/b" is a path`, ""},
		{"more neighbors than rows", line(flag("top_k", "5"), flag("queue", "4")), "top_k 5 > queue 4", "--queue 5"},
		{"wrong variable", Input{Environ: []string{"PRETRAIN_LR=fast"}}, `PRETRAIN_LR: "fast" is not a number`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.in.Recipes = recipes
			_, _, err := Load(c.in)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want an *Error with %q", err, c.msg)
			}
			rest := strings.Join(append(e.Source, e.Hint), "\n")
			if !strings.Contains(e.Msg, c.msg) || !strings.Contains(rest, c.extra) {
				t.Errorf("got\n%s\n%s\nwant %q and %q", e.Msg, rest, c.msg, c.extra)
			}
		})
	}
}

func TestUnknownVariable(t *testing.T) {
	_, warnings, err := Load(Input{Recipes: recipes, Environ: []string{"PRETRAIN_BACTH=3", "HOME=/"}})
	want := []string{`unknown variable PRETRAIN_BACTH is ignored  (did you mean "PRETRAIN_BATCH"?)`}
	if diff := cmp.Diff(want, warnings); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// TestIdle: what does nothing beside another setting is warned of, where the user asked for it.
func TestIdle(t *testing.T) {
	for _, c := range []struct {
		line []Assignment
		want []string
	}{
		{[]Assignment{flag("optim", "sgd"), flag("lars.eta", "0.02")}, []string{"lars.eta has no effect with optim=sgd"}},
		{[]Assignment{flag("optim", "lars"), flag("lars.clip", "on")}, []string{"lars.clip has no effect with a lars.variant other than solo"}},
		{[]Assignment{flag("optim", "lars"), flag("lars.variant", "solo"), flag("lars.clip", "on")}, nil},
		{[]Assignment{flag("loss.form", "ntxent"), flag("loss.columns", "on"), flag("loss.group", "4")},
			[]string{"loss.columns has no effect with loss.form=ntxent", "loss.group has no effect with loss.form=ntxent"}},
		{[]Assignment{flag("schedule", "epoch-cosine")}, nil}, // the recipe's warm-up is not the user's
		{[]Assignment{flag("schedule", "epoch-cosine"), flag("warmup", "3")}, []string{"warmup has no effect with schedule=epoch-cosine"}},
	} {
		_, got, err := Load(Input{Recipes: recipes, Line: c.line})
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	}
	for _, r := range idles {
		for _, key := range r.keys {
			if _, ok := find(key); !ok {
				t.Errorf("no setting %s", key)
			}
		}
	}
}

// TestRoundTrip: config.yaml makes the same run again, and says so by its digest.
func TestRoundTrip(t *testing.T) {
	in := Input{Recipes: recipes, Line: []Assignment{flag("data", "my photos: 2024"), flag("data", "b"),
		flag("save_every", "90s"), flag("max_bad", "12.5%"), flag("aug.crop_min", "0.2"), flag("warmup", "3e")}}
	s, _, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := s.WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	again, _, err := Load(Input{Recipes: recipes, Files: []string{file(t, b.String())}})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if diff := cmp.Diff(s.Train, again.Train); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s.Digest() != again.Digest() {
		t.Error("digest changed on the way through config.yaml")
	}
	if !strings.Contains(b.String(), "# flag") || !strings.Contains(b.String(), "# recipe auto") {
		t.Errorf("origins are missing in\n%s", b.String())
	}
}

// TestDigest: what can change a result changes the digest, and nothing else does.
func TestDigest(t *testing.T) {
	load := func(a ...Assignment) *Settings {
		s, _, err := Load(Input{Recipes: recipes, Line: a})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	plain := load()
	if load(flag("threads", "7"), flag("quiet", "on"), flag("keep", "9")).Digest() != plain.Digest() {
		t.Error("neutral settings change the digest")
	}
	other := load(flag("lr", "0.2"))
	if other.Digest() == plain.Digest() {
		t.Error("the rate does not change the digest")
	}
	if diff := cmp.Diff([]Change{{"lr", "0.1", "0.2"}}, other.Changes(plain)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestChoose: what kith works out gives way to what the user named.
func TestChoose(t *testing.T) {
	s, _, err := Load(Input{Recipes: recipes, Line: []Assignment{flag("batch", "64")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Choose("batch", "128"), s.Choose("queue", "512")); err != nil {
		t.Fatal(err)
	}
	if s.Batch != 64 || s.Queue != 512 || s.Origin("queue") != "chosen" {
		t.Errorf("batch %d, queue %d from %s; want 64, 512 from chosen", s.Batch, s.Queue, s.Origin("queue"))
	}
}

func TestTexts(t *testing.T) {
	for text, want := range map[string]Every{"500": {Steps: 500}, "10m": {Time: 10 * time.Minute}, "10%": {Share: 0.1},
		"16.67%": {Share: 0.1667}, "0": {}, "1h30m": {Time: 90 * time.Minute}} {
		var e Every
		if err := e.UnmarshalText([]byte(text)); err != nil || e != want || e.String() != text {
			t.Errorf("%s: %+v written as %s, %v; want %+v", text, e, e, err, want)
		}
	}
	for _, text := range []string{"", "-1", "110%", "x", "-5m"} {
		if err := new(Every).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as a distance", text)
		}
	}
}

// TestFields: tags are complete, names are well formed, and no two settings share one.
func TestFields(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Fields() {
		if seen[f.Env()] {
			t.Errorf("%s: %s is taken", f.Key, f.Env())
		}
		seen[f.Env()] = true
		if f.Group == "" || f.Help == "" || strings.ToLower(f.Key) != f.Key || strings.Count(f.Key, ".") > 1 {
			t.Errorf("%s: incomplete tags", f.Key)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"batch", "epochs", "eval_every", "lr"}
	for name, want := range map[string]string{"bathc": "batch", "epoch": "epochs", "evalevry": "eval_every", "lx": "lr", "xy": "", "zzzzz": ""} {
		if got := Nearest(name, words); got != want {
			t.Errorf("nearest to %q: %q, want %q", name, got, want)
		}
	}
}
