package main

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"kith/cmd/pretrain/internal/settings"
)

//go:embed recipes/*.yaml
var embedded embed.FS

// recipeFiles holds NAME.yaml for each recipe.
func recipeFiles() fs.FS {
	sub, err := fs.Sub(embedded, "recipes")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	return sub
}

func newRecipes() *cobra.Command {
	c := &cobra.Command{
		Use: "recipes", Short: "list recipes, or show one to copy and edit", Args: takes(0),
		Example: "  pretrain recipes show demo > my.yaml\n  pretrain -c my.yaml",
		RunE:    func(c *cobra.Command, _ []string) error { return listRecipes(c.OutOrStdout(), recipeFiles()) },
	}
	c.AddCommand(&cobra.Command{
		Use: "show NAME", Short: "print a recipe", Args: takes(1),
		RunE: func(c *cobra.Command, args []string) error {
			return showRecipe(c.OutOrStdout(), recipeFiles(), args[0])
		},
	})
	return c
}

// listRecipes prints each recipe with the first sentence of its comment.
func listRecipes(w io.Writer, recipes fs.FS) error {
	for _, name := range settings.RecipeNames(recipes) {
		b, err := fs.ReadFile(recipes, name+".yaml")
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(string(b), "# "), "\n")
		if _, err := fmt.Fprintf(w, "%-18s %s\n", name, first); err != nil {
			return err
		}
	}
	return nil
}

func showRecipe(w io.Writer, recipes fs.FS, name string) error {
	names := settings.RecipeNames(recipes)
	b, err := fs.ReadFile(recipes, name+".yaml")
	if err != nil {
		return usage("recipes: "+strings.Join(names, ", "), "no recipe %q%s", name, settings.DidYouMean(name, names, ""))
	}
	_, err = w.Write(b)
	return err
}
