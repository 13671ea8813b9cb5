package data

import (
	"fmt"
	"runtime/debug"

	"kith/internal/turbojpeg"
)

// Options say how sources are read and images decoded. The zero value is the default.
type Options struct {
	IgnoreEXIF  bool   // exif=ignore: leave pictures as stored (as torchvision's folders do)
	TIFF        bool   // formats=+tiff
	JPEG        string // decoder: "" or "auto" (libjpeg-turbo if it is installed), "std", "turbo"
	Tolerant    bool   // tolerant=on: accept a JPEG without its end marker
	MaxBytes    int64  // of one encoded image; 0: 64 MB
	MaxPixels   int64  // of one image; 0: 89,478,485, where Pillow warns of a bomb
	RAM         int64  // data_ram: encoded bytes of a compressed archive kept in memory; 0: default
	Order       string // "" or "global": any order; "shard": shards in sequence, for network disks
	FollowLinks bool   // follow_links=on: walk into symbolic links to folders
	Labels      string // "" or "auto", "folders", "none", "coarse" (CIFAR-100), or a .csv of paths and labels
	Cache       string // folder for unpacked archives and listings; "": kith's in the user's cache
	Reindex     bool   // list sources anew, whatever the cache holds
	Seed        uint64 // of the 10 % hold-out

	keepFrom int // images from which on a listing is kept; 0: cacheFrom
}

const (
	defaultMaxBytes  = 64 << 20
	defaultMaxPixels = 89_478_485
	defaultRAM       = 4 << 30
)

func (o Options) maxBytes() int64 {
	if o.MaxBytes > 0 {
		return o.MaxBytes
	}
	return defaultMaxBytes
}

func (o Options) maxPixels() int64 {
	if o.MaxPixels > 0 {
		return o.MaxPixels
	}
	return defaultMaxPixels
}

// ram is how many bytes of a compressed archive stay in memory: a quarter of the machine's, at
// most 8 GiB, and never more than half of a memory limit that was set for the process.
func (o Options) ram() int64 {
	if o.RAM > 0 {
		return o.RAM
	}
	n := min(machineRAM()/4, 8<<30)
	if n <= 0 {
		n = defaultRAM
	}
	return min(n, debug.SetMemoryLimit(-1)/2)
}

// Decoder names the JPEG decoder in use, "std" or "turbo". Their pixels differ by a few levels
// where chroma is subsampled, so the name is part of the data digest.
func (o Options) Decoder() string {
	if o.JPEG == "std" || turbojpeg.Available() != nil {
		return "std"
	}
	return "turbo"
}

// check refuses options that cannot be met.
func (o Options) check() error {
	switch o.JPEG {
	case "", "auto", "std":
	case "turbo":
		if err := turbojpeg.Available(); err != nil {
			return fmt.Errorf("jpeg=turbo: %w", err)
		}
	default:
		return fmt.Errorf("jpeg=%s; there are auto, std, turbo", o.JPEG)
	}
	if o.Order != "" && o.Order != "global" && o.Order != "shard" {
		return fmt.Errorf("order=%s; there are global, shard", o.Order)
	}
	switch o.Labels {
	case "", "auto", "folders", "none", "coarse":
		return nil
	}
	if !o.labelTable() {
		return fmt.Errorf("labels=%s; there are auto, folders, none, coarse, or a .csv or .tsv file", o.Labels)
	}
	return nil
}
