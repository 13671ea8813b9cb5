package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"kith/nn"
)

// enough is the share of the encoder's tensors that a file must have to count as its start.
const enough = 0.9

// loadWeights starts the encoder from a file with torchvision's names, or from the export of a run.
func loadWeights(path string, encoder *nn.ResNet) (*nn.Match, error) {
	file := path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		file = filepath.Join(path, exportedName)
	}
	if err := refusePickle(file); err != nil {
		return nil, err
	}
	m, err := nn.LoadTorch(file, encoder, enough)
	if err != nil {
		return nil, usage("weights are .safetensors with torchvision's names, of the same --model and --stem",
			"--weights %s", strings.TrimPrefix(err.Error(), "open "))
	}
	return &m, nil
}

// refusePickle recognizes torch's own files by their first bytes: reading them means running them.
func refusePickle(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return usage("", "--weights %s: %s", path, cause(err))
	}
	defer f.Close()
	head := make([]byte, 4)
	if _, err := io.ReadFull(f, head); err != nil {
		return usage("", "--weights %s: too short for weights", path)
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("\x80\x02")) {
		return usage(fmt.Sprintf("in Python: from safetensors.torch import save_file; save_file(torch.load(%q), \"model.safetensors\")", filepath.Base(path)),
			"--weights %s: a pickle, which could run anything: kith reads .safetensors", path)
	}
	return nil
}
