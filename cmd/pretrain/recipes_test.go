package main

import (
	"bytes"
	"strings"
	"testing"

	"kith/cmd/pretrain/internal/settings"
	"kith/nnclr/data"
	"kith/tensor"

	"kith/backends/ref"
)

func recipe(t *testing.T, name string) *settings.Settings {
	t.Helper()
	a := settings.Assignment{Key: "recipe", Texts: []string{name}}
	s, _, err := settings.Load(settings.Input{Recipes: recipeFiles(), Line: []settings.Assignment{a}})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

// TestRecipes: every recipe that ships is complete, makes parts, and says what it reproduces and what to expect.
func TestRecipes(t *testing.T) {
	for _, name := range settings.RecipeNames(recipeFiles()) {
		s := recipe(t, name)
		var b bytes.Buffer
		if err := showRecipe(&b, recipeFiles(), name); err != nil {
			t.Fatal(err)
		}
		comment, _, _ := strings.Cut(b.String(), "\nmethod:")
		if !strings.HasPrefix(comment, "# ") || !strings.Contains(strings.ToLower(comment), "expected") && !strings.Contains(comment, "Published") {
			t.Errorf("%s: no comment on what to expect:\n%s", name, comment)
		}
		if _, err := adapt(s, squares{50000, 32}, false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := buildAll(t, s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// buildAll makes every part that needs no data.
func buildAll(t *testing.T, s *settings.Settings) error {
	if _, err := buildViews(s); err != nil {
		return err
	}
	if _, err := buildCourse(s, 195); err != nil {
		return err
	}
	encoder, err := buildEncoder(s)
	if err != nil {
		return err
	}
	method, err := buildMethod(s, encoder)
	if err != nil {
		return err
	}
	_, err = buildOptimizer(s, tensor.Open(ref.New()), struct{}{}) // the chain; slots of a ResNet-50 are not needed
	_ = method
	return err
}

// TestRecipeValues is the table of the specification: what ships is what is written down.
func TestRecipeValues(t *testing.T) {
	keys := strings.Fields("model stem head.layers head.hidden head.out head.predictor head.bias tau queue loss.form loss.group support.push support.init top_k exclude_self batch optim lars.variant lars.eta lars.clip lr lr_scale momentum nesterov decay exclude schedule warmup size aug.preset aug.crop_min knn_k knn_t")
	for name, want := range map[string]string{
		"paper":            "resnet50 imagenet 3 2048 256 4096 off 0.1 98304 infonce 0 view1 random 1 off 4096 lars classic 0.001 off 0.3 linear 0.9 off 1e-06 rank1 cosine 10e 224 byol preset 20 0.07",
		"solo-cifar":       "resnet18 solo-cifar 3 2048 256 4096 on 0.2 65536 infonce 0 view1 random 1 off 256 lars solo 0.02 on 0.4 linear 0.9 off 1e-05 rank1 solo 10e 32 solo-cifar preset 20 0.07",
		"solo-imagenet100": "resnet18 imagenet 3 2048 256 4096 on 0.2 65536 infonce 128 view1 random 1 off 256 lars solo 0.02 on 0.4 linear 0.9 off 1e-05 rank1 solo 10e 224 byol preset 20 0.07",
		"lightly-compat":   "resnet18 cifar 2 2048 256 4096 off 0.5 4096 ntxent 0 view2 random 1 off 128 sgd classic 0.001 off 0.12 linear 0.9 off 0.0005 none epoch-cosine 0 32 lightly-cifar preset 200 0.1",
		"demo":             "resnet-tiny auto 2 256 128 256 off 0.1 4096 infonce 0 view1 random 1 off 256 sgd classic 0.001 off 0.1 linear 0.9 off 0.0005 none cosine 30 32 demo 0.08 20 0.07",
	} {
		s := recipe(t, name)
		var got []string
		for _, f := range settings.Fields() {
			for i, k := range keys {
				if f.Key == k {
					if got == nil {
						got = make([]string, len(keys))
					}
					got[i] = f.Text(&s.Train)
				}
			}
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s\ngot  %s\nwant %s", name, g, want)
		}
	}
}

// TestViews: what settings change about a preset, and that they change nothing by themselves.
func TestViews(t *testing.T) {
	s := recipe(t, "solo-cifar")
	views, err := buildViews(s)
	if err != nil {
		t.Fatal(err)
	}
	if views[0].Blur.P != 0 || views[1].Solarize != .2 || views[0].Norm != data.CIFAR10 || views[0].Crop.Area[0] != .08 {
		t.Errorf("the preset alone: %+v", views)
	}
	s.Aug.Blur2, s.Aug.CropMin, s.Aug.Normalize, s.Aug.Filter = settings.Override{Given: true, Value: .3}, settings.Override{Given: true, Value: .5}, "none", "bilinear"
	if views, err = buildViews(s); err != nil {
		t.Fatal(err)
	}
	v := views[1]
	if views[0].Blur.P != 0 || v.Blur.P != .3 || v.Crop.Area[0] != .5 || v.Norm.Std[0] != 1 || v.Crop.Filter != data.Bilinear {
		t.Errorf("overridden: %+v", v)
	}
}

// TestCourse: lengths and warm-up in steps and epochs, and what cannot be.
func TestCourse(t *testing.T) {
	s := recipe(t, "paper")
	c, err := buildCourse(s, 312)
	if err != nil || c.steps != 312000 || c.plan.WarmUp != 3120 {
		t.Fatalf("%d steps, warm-up %d, %v; want 312000 and 3120", c.steps, c.plan.WarmUp, err)
	}
	if r := c.rate(3120); r != 4.8 {
		t.Errorf("rate after warm-up %v, want 4.8", r)
	}
	s.Epochs, s.Steps = 0, 3000
	if _, err := buildCourse(s, 312); err == nil || !strings.Contains(err.Error(), "warm-up of 3120 steps leaves nothing of a run of 3000") {
		t.Errorf("warm-up longer than the run: %v", err)
	}
	d := recipe(t, "demo")
	if c, err := buildCourse(d, 32); err != nil || c.rate != nil || c.plan.ByTime(30, 0) != 0.1 {
		t.Errorf("by time: %+v, %v", c, err)
	}
	d.Schedule = "solo"
	if _, err := buildCourse(d, 32); err == nil {
		t.Error("a schedule in steps is taken for a run by time")
	}
}
