package settings

import (
	"fmt"
	"slices"
)

// An idle setting does nothing beside the value of another one.
type idle struct {
	keys []string
	with string // the other's value, as one would write it
	is   func(t *Train) bool
}

var idles = []idle{
	{[]string{"lars.variant", "lars.eta", "lars.clip", "lars.zero_norm"}, "optim=sgd", func(t *Train) bool { return t.Optim == "sgd" }},
	{[]string{"lars.clip"}, "a lars.variant other than solo", func(t *Train) bool { return t.Optim == "lars" && t.LARS.Variant != "solo" }},
	{[]string{"exclude"}, "lars.variant=larc", func(t *Train) bool { return t.Optim == "lars" && t.LARS.Variant == "larc" }},
	{[]string{"warmup"}, "schedule=epoch-cosine", func(t *Train) bool { return t.Schedule == "epoch-cosine" }},
	{[]string{"loss.soft_tau"}, "a loss.positive other than soft", func(t *Train) bool { return t.Loss.Positive != "soft" }},
	{[]string{"top_k"}, "loss.positive=view", func(t *Train) bool { return t.Loss.Positive == "view" }},
	{[]string{"exclude_self"}, "loss.positive=oracle", func(t *Train) bool { return t.Loss.Positive == "oracle" }},
	{[]string{"loss.negatives", "loss.columns", "loss.group"}, "loss.form=ntxent", func(t *Train) bool { return t.Loss.Form == "ntxent" }},
	{[]string{"head.predictor"}, "loss.predictor=off", func(t *Train) bool { return !t.Loss.Predictor }},
	{[]string{"stem"}, "model=resnet-tiny", func(t *Train) bool { return t.Model == "resnet-tiny" }},
	{[]string{"max_bad"}, "on_bad_image=fail", func(t *Train) bool { return t.Bad == "fail" }},
}

// idle warns of settings on the command line or in the environment that do nothing. Files may list everything: a
// config.yaml does.
func (s *Settings) idle() (warnings []string) {
	for _, r := range idles {
		for _, key := range r.keys {
			if slices.Contains([]string{"flag", "argument", "env"}, s.origin[key]) && r.is(&s.Train) {
				warnings = append(warnings, fmt.Sprintf("%s has no effect with %s", key, r.with))
			}
		}
	}
	return warnings
}
