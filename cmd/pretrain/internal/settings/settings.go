// Package settings is the one place that knows what can be set, how it is called and what it means.
//
// A setting is a field of [Train]. Flags (--eval-every), YAML keys (eval_every), environment names
// (PRETRAIN_EVAL_EVERY), key=value arguments, the help text, the documentation page, config.yaml and the
// digest that says whether two runs may share a directory all follow from the field's tags:
//
//	key      the name, in lower case with _ between words
//	default  the value before any layer; "recipe" where every recipe has to name one
//	help     one line; begins with a lower-case letter
//	min, max bounds, both included
//	oneof    the words allowed, separated by |
//	neutral  "yes" where the setting cannot change a result, so that it stays out of the digest
//
// Layers, each over the one before: defaults, recipe, YAML files, environment, command line.
package settings

// A Train holds everything that a training run can be told. Its zero value is not a valid run: [Load] fills it.
type Train struct {
	Data      []string `key:"data" group:"data" default:"builtin:patches" help:"source of images: a folder, an archive, or scheme:path; repeatable"`
	Labels    string   `key:"labels" group:"data" default:"auto" help:"labels, for scoring only: auto (folder names, or those of the format), folders, none, coarse (CIFAR-100), or a .csv of paths and labels"`
	Bad       string   `key:"on_bad_image" group:"data" default:"skip" oneof:"skip|fail" help:"what to do with an image that cannot be used"`
	MaxBad    Share    `key:"max_bad" group:"data" default:"1%" help:"largest share of bad images; more end the run"`
	Tolerant  bool     `key:"tolerant" group:"data" default:"off" help:"accept JPEG files that lack their end marker"`
	EXIF      string   `key:"exif" group:"data" default:"apply" oneof:"apply|ignore" help:"turn pictures as their EXIF orientation says"`
	TIFF      bool     `key:"tiff" group:"data" default:"off" help:"read TIFF images too"`
	Links     bool     `key:"follow_links" group:"data" default:"off" help:"walk into symbolic links to folders"`
	JPEG      string   `key:"jpeg" group:"data" default:"auto" oneof:"auto|std|turbo" help:"JPEG decoder: auto takes libjpeg-turbo where it is installed, std is Go's"`
	MaxPixels int      `key:"max_pixels" group:"data" default:"0" min:"0" help:"largest image; 0 is 89,478,485 pixels"`
	MaxBytes  int      `key:"max_bytes" group:"data" default:"0" min:"0" help:"largest encoded image; 0 is 67,108,864 bytes"`
	RAM       int      `key:"data_ram" group:"data" default:"0" min:"0" neutral:"yes" help:"bytes of a compressed archive kept in memory; 0 is a quarter of the machine's, at most 8 GiB"`
	Order     string   `key:"order" group:"data" default:"global" oneof:"global|shard" help:"order of an epoch: any, or shards in sequence, for network disks"`
	Reindex   bool     `key:"reindex" group:"data" default:"off" neutral:"yes" help:"list sources anew, whatever the cache holds"`

	Recipe    string  `key:"recipe" group:"method" default:"" help:"named bundle of settings; see: pretrain recipes"`
	Method    string  `key:"method" group:"method" default:"nnclr" help:"how views become a loss"`
	Tau       float64 `key:"tau" group:"method" default:"recipe" min:"0.001" max:"1000" help:"softmax temperature"`
	Queue     Auto    `key:"queue" group:"method" default:"recipe" min:"1" help:"rows of the support set"`
	TopK      int     `key:"top_k" group:"method" default:"1" min:"1" max:"64" help:"the positive is drawn among so many nearest neighbors"`
	Exclude   string  `key:"exclude_self" group:"method" default:"off" oneof:"auto|on|off" help:"skip rows of the same image when looking for neighbors; auto is on where the support set holds half the images"`
	Loss      Loss    `key:"loss"`
	Support   Support `key:"support"`
	Model     string  `key:"model" group:"model" default:"recipe" oneof:"auto|resnet-tiny|resnet18|resnet34|resnet50|resnet101|resnet152|wide_resnet50_2" help:"encoder; -cifar behind a name means stem=cifar at 32 px"`
	Stem      string  `key:"stem" group:"model" default:"auto" oneof:"auto|imagenet|cifar|solo-cifar" help:"first layers of a ResNet; auto is cifar up to 64 px, else imagenet"`
	Weights   string  `key:"weights" group:"model" default:"random" help:"start of the encoder: random, or a .safetensors file with torchvision's names"`
	ZeroGamma bool    `key:"zero_gamma" group:"model" default:"off" help:"start the last scale of every residual block at 0"`
	Head      Head    `key:"head"`

	Epochs   int     `key:"epochs" group:"length" default:"0" min:"0" help:"passes over the data; exactly one of epochs, steps and budget counts"`
	Steps    int     `key:"steps" group:"length" default:"0" min:"0" help:"updates"`
	Budget   Span    `key:"budget" group:"length" default:"0s" help:"wall time; the schedule follows the share of it that has passed"`
	Batch    Auto    `key:"batch" group:"length" default:"recipe" min:"2" help:"images a step"`
	Optim    string  `key:"optim" group:"optimizer" default:"recipe" oneof:"lars|sgd" help:"optimizer"`
	LARS     LARS    `key:"lars"`
	LR       float64 `key:"lr" group:"optimizer" default:"recipe" min:"0" help:"learning rate per 256 images"`
	Scale    string  `key:"lr_scale" group:"optimizer" default:"linear" oneof:"linear|sqrt|none" help:"how the rate grows with the batch: linear is lr·batch/256"`
	Momentum float64 `key:"momentum" group:"optimizer" default:"0.9" min:"0" max:"1" help:"momentum of the optimizer"`
	Nesterov bool    `key:"nesterov" group:"optimizer" default:"off" help:"Nesterov's form of momentum"`
	Decay    float64 `key:"decay" group:"optimizer" default:"recipe" min:"0" help:"weight decay"`
	Spared   string  `key:"exclude" group:"optimizer" default:"rank1" oneof:"rank1|none" help:"parameters spared from decay and adaptation: rank1 means biases and batch norm"`
	Schedule string  `key:"schedule" group:"optimizer" default:"cosine" oneof:"cosine|solo|lightly|barlow|epoch-cosine" help:"course of the learning rate"`
	Warmup   Length  `key:"warmup" group:"optimizer" default:"recipe" help:"ramp at the start: steps (30), or epochs (10e)"`

	Size Auto `key:"size" group:"views" default:"recipe" min:"8" max:"1024" help:"side of a view in pixels"`
	Aug  Aug  `key:"aug"`

	Seed      int    `key:"seed" group:"run" default:"0" min:"0" help:"the only source of randomness"`
	Out       string `key:"out" group:"run" default:"" neutral:"yes" help:"run directory; runs/DATE-METHOD-MODEL where it is left out"`
	Name      string `key:"name" group:"run" default:"" neutral:"yes" help:"last element of the run directory"`
	Resume    string `key:"resume" group:"run" default:"auto" oneof:"auto|never|must" neutral:"yes" help:"go on with an unfinished run of the same settings"`
	SaveEvery Every  `key:"save_every" group:"run" default:"10m" neutral:"yes" help:"time between checkpoints: steps (500), time (10m) or a share of the run (10%)"`
	Keep      int    `key:"keep" group:"run" default:"3" min:"1" neutral:"yes" help:"checkpoints that are kept, beside the best"`
	KeepEvery int    `key:"keep_every" group:"run" default:"0" min:"0" neutral:"yes" help:"keep every so many steps a checkpoint for good"`

	EvalEvery  Every   `key:"eval_every" group:"scores" default:"16.67%" help:"time between kNN evaluations, like save_every"`
	KNNK       int     `key:"knn_k" group:"scores" default:"20" min:"1" help:"neighbors that vote"`
	KNNT       float64 `key:"knn_t" group:"scores" default:"0.07" min:"0.001" help:"temperature of a vote"`
	Bank       int     `key:"knn_bank" group:"scores" default:"50000" min:"1" help:"largest number of images neighbors are looked for in"`
	LogEvery   int     `key:"log_every" group:"scores" default:"10" min:"1" neutral:"yes" help:"steps between logged steps"`
	OnCollapse string  `key:"on_collapse" group:"scores" default:"warn" oneof:"warn|stop" neutral:"yes" help:"what a collapsed embedding does"`

	Device    string `key:"device" group:"machine" default:"auto" neutral:"yes" help:"auto, cpu, cpu:generic, cpu:avx2, cpu:avx512, cpu:amx, cpu:neon, cuda:0"`
	Precision string `key:"precision" group:"machine" default:"auto" oneof:"auto|f32|fp32|bf16" help:"auto is f32 on a CPU and bf16 on a GPU"`
	Threads   Auto   `key:"threads" group:"machine" default:"auto" min:"1" neutral:"yes" help:"threads that compute; auto takes all cores; results do not depend on it"`
	Workers   Extra  `key:"workers" group:"machine" default:"auto" neutral:"yes" help:"threads that decode images; 0 decodes between steps, auto takes all cores; results do not depend on it"`
	Eager     bool   `key:"eager" group:"machine" default:"off" neutral:"yes" help:"run each op at once instead of a compiled plan, for debugging"`

	Quiet  bool   `key:"quiet" group:"console" default:"off" neutral:"yes" help:"print the last line and errors only"`
	JSON   bool   `key:"json" group:"console" default:"off" neutral:"yes" help:"print metrics as JSON lines; text goes to standard error"`
	Color  string `key:"color" group:"console" default:"auto" oneof:"auto|always|never" neutral:"yes" help:"color on a terminal"`
	Debug  bool   `key:"debug" group:"console" default:"off" neutral:"yes" help:"show stack traces of bugs"`
	DryRun bool   `key:"dry_run" group:"console" default:"off" neutral:"yes" help:"print every setting with its origin, and stop"`
}

// Loss holds the switches of the loss.
type Loss struct {
	Positive  string  `key:"positive" group:"method" default:"nn" oneof:"nn|view|mean|soft|oracle" help:"what takes the place of a view: its nearest neighbor, the view itself, a mean of the top_k nearest, that mean weighted by softmax, or (for study) the nearest of the same label"`
	SoftTau   float64 `key:"soft_tau" group:"method" default:"0.1" min:"0.001" help:"temperature of loss.positive=soft"`
	Form      string  `key:"form" group:"method" default:"infonce" oneof:"infonce|ntxent" help:"infonce is the paper's; ntxent is lightly's with 2n-1 columns"`
	Negatives string  `key:"negatives" group:"method" default:"swapped" oneof:"swapped|kept" help:"swapped compares neighbors with every prediction; kept swaps the positive alone"`
	Columns   bool    `key:"columns" group:"method" default:"off" help:"add the loss over columns, as keras-io does"`
	Symmetric bool    `key:"symmetric" group:"method" default:"on" help:"let each view be the query in turn"`
	Predictor bool    `key:"predictor" group:"method" default:"on" help:"send the second view through the predictor"`
	Group     int     `key:"group" group:"method" default:"0" min:"0" help:"negatives from groups of so many images; 0 takes the whole batch"`
}

// Support holds the switches of the support set.
type Support struct {
	Init string `key:"init" group:"method" default:"random" oneof:"random|empty" help:"start with random rows, or with none"`
	Push string `key:"push" group:"method" default:"view1" oneof:"view1|view2|both" help:"embeddings that enter the support set"`
}

// Head holds the shape of projector and predictor.
type Head struct {
	Layers    int  `key:"layers" group:"model" default:"3" min:"2" max:"3" help:"layers of the projector"`
	Hidden    int  `key:"hidden" group:"model" default:"2048" min:"1" help:"width of the projector's hidden layers"`
	Out       int  `key:"out" group:"model" default:"256" min:"2" help:"length of an embedding"`
	Predictor int  `key:"predictor" group:"model" default:"4096" min:"1" help:"width of the predictor's hidden layer"`
	Bias      bool `key:"bias" group:"model" default:"off" help:"biases in front of batch norm, as solo-learn has them"`
}

// LARS holds the switches of the optimizer of that name.
type LARS struct {
	Variant string  `key:"variant" group:"optimizer" default:"classic" oneof:"classic|popular|byol|you|bolts|solo|larc" help:"published form of LARS"`
	Eta     float64 `key:"eta" group:"optimizer" default:"0.001" min:"0" help:"trust coefficient"`
	Clip    bool    `key:"clip" group:"optimizer" default:"off" help:"bound the trust ratio by the rate"`
	Zero    string  `key:"zero_norm" group:"optimizer" default:"eta" oneof:"eta|one|skip" help:"trust ratio of a tensor whose norm is 0: eta, 1 as the references take it, or no step"`
}

// Aug holds the augmentation: a preset, and what is to differ from it.
type Aug struct {
	Preset    string   `key:"preset" group:"views" default:"byol" help:"augmentations by name: byol, simclr, moco, crop-only, demo, solo-cifar, lightly-cifar and others"`
	CropMin   Override `key:"crop_min" group:"views" default:"preset" max:"1" help:"smallest area of a crop"`
	Strength  Override `key:"strength" group:"views" default:"preset" max:"4" help:"factor on the preset's color jitter"`
	Blur1     Override `key:"blur1" group:"views" default:"preset" max:"1" help:"probability of blur, first view"`
	Blur2     Override `key:"blur2" group:"views" default:"preset" max:"1" help:"probability of blur, second view"`
	Solarize1 Override `key:"solarize1" group:"views" default:"preset" max:"1" help:"probability of solarizing, first view"`
	Solarize2 Override `key:"solarize2" group:"views" default:"preset" max:"1" help:"probability of solarizing, second view"`
	Filter    string   `key:"filter" group:"views" default:"preset" oneof:"preset|bicubic|bilinear" help:"how crops are resized"`
	Normalize string   `key:"normalize" group:"views" default:"preset" oneof:"preset|imagenet|cifar10|cifar10-jpeg|cifar100|none" help:"mean and deviation taken from pixels"`
}
