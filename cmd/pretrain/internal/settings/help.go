package settings

import (
	"fmt"
	"io/fs"
	"strings"
)

// Help lists all settings by group with default, range and the recipes that change them. The documentation page
// is this text.
func Help(recipes fs.FS) string {
	var b strings.Builder
	changed := changedBy(recipes)
	for _, group := range groups() {
		fmt.Fprintf(&b, "%s\n", strings.ToUpper(group))
		for _, f := range Fields() {
			if f.Group == group {
				fmt.Fprintf(&b, "  %-18s %s%s\n", f.Key, f.Help, f.facts(changed[f.Key]))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("Spellings: --eval-every 10%   eval_every=10%   eval_every: 10% in YAML   PRETRAIN_EVAL_EVERY=10%\n")
	b.WriteString("Precedence: defaults < recipe < -c FILE < environment < command line\n")
	return b.String()
}

// groups in order of first appearance.
func groups() (out []string) {
	seen := map[string]bool{}
	for _, f := range Fields() {
		if !seen[f.Group] {
			seen[f.Group] = true
			out = append(out, f.Group)
		}
	}
	return out
}

// facts are what the help says behind a setting's purpose.
func (f Field) facts(recipes []string) string {
	var facts []string
	if f.OneOf != nil {
		facts = append(facts, strings.Join(f.OneOf, ", "))
	}
	switch {
	case f.Min != "" && f.Max != "":
		facts = append(facts, f.Min+" to "+f.Max)
	case f.Min != "" && f.Min != "0":
		facts = append(facts, "at least "+f.Min)
	}
	if f.Default != "recipe" && f.Default != "" {
		facts = append(facts, "default "+f.Default)
	}
	if recipes != nil {
		facts = append(facts, "set by "+strings.Join(recipes, ", "))
	}
	if facts == nil {
		return ""
	}
	return "\n" + strings.Repeat(" ", 21) + "(" + strings.Join(facts, "; ") + ")"
}

// changedBy maps each key to the recipes that name it.
func changedBy(recipes fs.FS) map[string][]string {
	out := map[string][]string{}
	for _, name := range RecipeNames(recipes) {
		layer, err := readRecipe(recipes, name)
		if err != nil {
			continue // a recipe that cannot be read is reported where it is used
		}
		for _, a := range layer {
			if a.Key != "recipe" {
				out[a.Key] = append(out[a.Key], name)
			}
		}
	}
	return out
}
