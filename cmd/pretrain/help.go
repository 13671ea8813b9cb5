package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kith/cmd/pretrain/internal/settings"
)

// screen is the help of the root: one screen of 80 columns and 40 lines, a test counts.
const screen = `pretrain trains image encoders without labels: NNCLR, in one binary.

usage: pretrain [flags] [DIR] [key=value ...]

  pretrain                      train on photographs inside the binary, 100 s
  pretrain ./photos             train on the images under a folder
  pretrain resume runs/NAME     go on with a stopped run

flags used most (--lr 0.3 and lr=0.3 are the same):
  --model NAME      encoder: resnet-tiny, resnet18-cifar, resnet50, ...
  --epochs N        length of the run; or --steps 5000, or --budget 2h
  --batch N         images a step
  --size N          side of a view in pixels
  --weights FILE    start from a .safetensors file with torchvision's names
  --device NAME     auto, cpu, cpu:avx2; pretrain doctor tells what is here
  --out DIR         run directory
  -c FILE           settings from a YAML file

`

const screenEnd = `
pretrain help COMMAND tells more, pretrain help settings lists all settings.
`

// help is what the command's --help prints.
func help(c *cobra.Command) string {
	var b strings.Builder
	if !c.HasParent() || c.Name() == "train" {
		b.WriteString(screen + "commands:\n")
		for _, sub := range c.Root().Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" {
				fmt.Fprintf(&b, "  %-10s %s\n", sub.Name(), sub.Short)
			}
		}
		b.WriteString(screenEnd)
		return b.String()
	}
	text := c.Long
	if text == "" {
		text = c.CommandPath() + ": " + c.Short + "\n"
	}
	if !c.Runnable() { // a topic
		return text
	}
	fmt.Fprintf(&b, "%s\nusage: %s\n", text, c.UseLine())
	for _, sub := range c.Commands() {
		fmt.Fprintf(&b, "  %-10s %s\n", sub.Name(), sub.Short)
	}
	if flags := c.LocalFlags().FlagUsagesWrapped(100); flags != "" {
		b.WriteString("\n" + flags)
	}
	if c.Example != "" {
		b.WriteString("\n" + c.Example + "\n")
	}
	return b.String()
}

// newSettingsTopic is no command: it is what `pretrain help settings` prints.
func newSettingsTopic() *cobra.Command {
	return &cobra.Command{Use: "settings", Short: "all settings", Long: settings.Help(recipeFiles())}
}
