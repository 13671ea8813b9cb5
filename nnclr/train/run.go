package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"kith/autograd"
	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
	"kith/nnclr/eval"
	"kith/tensor"
)

// loop is a run under way.
type loop struct {
	*Job
	state *State
	in    *nnclr.Inputs
	out   *nnclr.Outputs
	train func()

	perEpoch int
	begun    time.Duration // the clock when Run was called
	idle     time.Duration // of which not training: evaluations
	waited   time.Duration // for data, since the last logged step
	logged   mark
	told     bool // of ops without a kernel
	scorer   *scorer
	looker   *looker
	saver    saver
	evalDue  due
	saveDue  due
}

// mark is a place in time and steps.
type mark struct {
	at   time.Duration
	step int
}

// Run trains from state, which is New or Loaded, to the end of the job. It saves at the end and,
// when ctx ends, after the step under way, returning ErrStopped. However it ends, no save is under
// way when it returns.
func Run(ctx context.Context, j *Job, state *State) (sum *Summary, err error) {
	r, err := prepare(j, state)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := r.settle(); e != nil {
			err = errors.Join(err, e)
		}
	}()
	if err := r.before(ctx); err != nil {
		return nil, r.interrupted(ctx, err)
	}
	for !r.done() {
		epoch, from := r.state.Step/r.perEpoch, r.state.Step%r.perEpoch
		ready := r.Clock()
		for batch, err := range r.Loader.EpochContext(ctx, epoch, from) {
			if err != nil {
				return nil, r.interrupted(ctx, err)
			}
			r.waited += r.Clock() - ready
			if err := r.step(ctx, batch); err != nil {
				return nil, err
			}
			ready = r.Clock()
			if r.done() {
				break
			}
		}
	}
	return r.finish(ctx)
}

// prepare makes what the loop needs beside its parts.
func prepare(j *Job, state *State) (*loop, error) {
	r := &loop{Job: j, state: state, perEpoch: j.Loader.Steps(), begun: j.Clock()}
	if r.perEpoch == 0 {
		return nil, errors.New("fewer images than one batch")
	}
	specs := make([]tensor.Spec, len(j.Loader.Views))
	for i, v := range j.Loader.Views {
		specs[i] = tensor.Of(tensor.F32, j.Loader.Size, v.Size, v.Size, 3)
	}
	r.in, r.out = nnclr.NewInputs(j.Root, specs), nnclr.NewOutputs(j.Root)
	r.train = eval.Compile(j.Root, r.program, j.Eager)
	r.logged = mark{r.begun, state.Step}
	r.evalDue, r.saveDue = newDue(j.EvalEvery, r.progress()), newDue(j.SaveEvery, r.progress())
	r.saver.store = j.Checkpoints.store(r.saver.note)
	if j.Score != nil {
		r.scorer = newScorer(j)
	}
	if j.Look != nil {
		r.looker = newLooker(j)
	}
	return r, j.Root.Sync()
}

// program is the training step.
func (r *loop) program(s *tensor.Scope) {
	tape := autograd.Record(s)
	loss, metrics := r.Method.Loss(nn.Train(s, r.Compute), r.in.Batch(s))
	update := r.Optimizer.Update(s, r.in.Rate(s), tape.Grad(loss, r.Optimizer.Params(s)...))
	guard := nnclr.Guard(s, loss, update)
	r.out.Report(s, loss, metrics, update, guard)
}

// step trains one batch, and does what is due after it.
func (r *loop) step(ctx context.Context, b *data.Batch) error {
	if err := r.hear(); err != nil {
		return err
	}
	now := nnclr.Now{Step: r.state.Step, Epoch: r.state.Step / r.perEpoch, Rate: r.Rate(r.state.Step, r.share())}
	r.in.Set(b.Views, b.Index, b.Labels, now)
	r.train()
	read, err := r.out.Read()
	if err != nil {
		return err
	}
	if err := r.check(b, now, read); err != nil {
		return err
	}
	r.state.Step++
	if r.state.Step%r.LogEvery == 0 || r.state.Alarm.asks(r.state.Step) {
		if err := r.log(now, read); err != nil {
			return err
		}
	}
	if r.done() {
		return nil // finish evaluates and saves
	}
	p := r.progress()
	r.state.Owed = r.evalDue.is(p)
	if err := r.between(ctx, p.share); err != nil {
		return r.interrupted(ctx, err)
	}
	if r.saveDue.is(p) {
		if err := r.save(false); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return r.stop()
	}
	return nil
}

// between evaluates and looks after a step, where it is time. A stop may cut the evaluation off; it
// is owed then, and the resumed run begins with it.
func (r *loop) between(ctx context.Context, share float64) error {
	if r.state.Owed {
		if err := r.evaluate(ctx, false); err != nil {
			return err
		}
		r.state.Owed = false
	}
	return r.look(share)
}

// check counts steps that the gate refused, and ends the run after three in a row.
func (r *loop) check(b *data.Batch, now nnclr.Now, read map[string][]float64) error {
	loss := read["loss"][0]
	if read["finite"][0] != 0 {
		r.state.Bad = 0
		r.state.addLoss(loss)
		return nil
	}
	r.state.Bad++
	r.state.Skipped++
	where, err := r.capture(b, now)
	if err != nil {
		r.warn("step was not captured: " + err.Error())
	}
	r.tell("event", "skipped", Field{"loss", loss}, Field{"grad_norm", read["grad_norm"][0]}, Field{"path", where})
	if r.state.Bad < 3 {
		return nil
	}
	return &DivergedError{Step: now.Step, Loss: loss, Rate: now.Rate, Norm: read["grad_norm"][0]}
}

// slow warns once of ops that have run by their definition: that is right, but may take a hundred times as long.
func (r *loop) slow() {
	if names := slices.Sorted(maps.Keys(r.Root.Fallbacks())); len(names) > 0 && !r.told {
		r.told = true
		r.warn(fmt.Sprintf("%s has no kernel for %s; slow definitions run instead", r.Root.Backend().Name(), strings.Join(names, ", ")))
	}
}

// log tells of a step.
func (r *loop) log(now nnclr.Now, read map[string][]float64) error {
	r.slow()
	at := r.Clock()
	took := max((at - r.logged.at).Seconds(), 1e-9)
	steps := r.state.Step - r.logged.step
	fields := []Field{
		{"epoch", float64(r.state.Step) / float64(r.perEpoch)}, {"loss", read["loss"][0]},
		{"loss_chance", math.Log(float64(r.Loader.Size))}, {"lr", now.Rate},
		{"img_s", float64(steps*r.Loader.Size) / took}, {"wait", r.waited.Seconds() / took},
	}
	for _, name := range scalars {
		if v := read[name]; len(v) == 1 {
			fields = append(fields, Field{name, v[0]})
		}
	}
	fields = append(fields, r.queueFields(read)...)
	var g geometry
	if unit := read["unit"]; len(unit) > 0 {
		var space []Field
		g, space = geometryOf(unit, r.Loader.Size, read["emb_std"][0])
		fields = append(fields, space...)
	}
	if r.state.Step%r.LogEvery == 0 {
		r.tell("train", "", fields...)
		r.waited, r.logged = 0, mark{at, r.state.Step}
	}
	return r.watch(g)
}

// scalars are metrics that go into events as a method gives them, where it does.
var scalars = []string{"grad_norm", "emb_std", "align", "pos_prob",
	"nn_self", "nn_sim", "nn_gap", "nn_init", "nn_fallback", "support_fill"}

// queueFields are what the host makes of metrics of support set and optimizer.
func (r *loop) queueFields(read map[string][]float64) (fields []Field) {
	if v := read["neighbor"]; len(v) > 0 {
		fields = append(fields, Field{"nn_distinct", distinct(v)})
	}
	if v := read["nn_age"]; len(v) == 1 { // in epochs
		fields = append(fields, Field{"nn_age", v[0] / float64(r.perEpoch)})
	}
	if v := read["labeled"]; len(v) == 1 && v[0] > 0 {
		r.state.Purity = read["nn_purity"][0]
		fields = append(fields, Field{"nn_purity", r.state.Purity})
	}
	if t := slices.Sorted(slices.Values(read["trust"])); len(t) > 0 {
		fields = append(fields, Field{"trust_min", t[0]}, Field{"trust_med", t[len(t)/2]}, Field{"trust_max", t[len(t)-1]})
	}
	return fields
}

// geometry is how embeddings lie in their space.
type geometry struct {
	dim       int
	std, rank float64 // √d times the mean deviation of a dimension; effective rank
}

// geometryOf reads unit rows [n, d].
func geometryOf(unit []float64, n int, std float64) (g geometry, fields []Field) {
	g.dim = len(unit) / n
	g.std = math.Sqrt(float64(g.dim)) * std
	g.rank = eval.EffectiveRank(unit, g.dim)
	return g, []Field{{"rank", g.rank}, {"emb_dim", g.dim},
		{"emb_cos", eval.MeanCosine(unit, g.dim)}, {"uniform", eval.Uniformity(unit, g.dim)}}
}

// distinct is the share of queries' neighbors that differ from all others'.
func distinct(index []float64) float64 {
	seen := map[float64]bool{}
	for _, i := range index {
		seen[i] = true
	}
	return float64(len(seen)) / float64(max(len(index), 1))
}

// watch raises the alarm of collapse.
func (r *loop) watch(g geometry) error {
	if g.dim == 0 || !r.state.Alarm.raised(r.state.Step, g.std, g.rank) {
		return nil
	}
	r.tell("event", "collapse", Field{"emb_std_root_d", g.std}, Field{"rank", g.rank})
	if r.StopOnCollapse {
		return &CollapsedError{r.state.Step, g.std, g.rank}
	}
	return nil
}

// done tells whether the run has its length.
func (r *loop) done() bool {
	if r.Steps > 0 {
		return r.state.Step >= r.Steps
	}
	return r.trained() >= r.Budget
}

// trained is the time spent training, earlier parts of the run included.
func (r *loop) trained() time.Duration {
	return seconds(r.state.Wall.Trained) + r.Clock() - r.begun - r.idle
}

// share is the part of a run by time that has passed; 0 for a run of steps.
func (r *loop) share() float64 {
	if r.Steps > 0 {
		return 0
	}
	return r.trained().Seconds() / r.Budget.Seconds()
}

// progress is where the run stands.
func (r *loop) progress() progress {
	p := progress{step: r.state.Step, time: r.trained(), share: r.share(), steps: r.Steps}
	if r.Steps > 0 {
		p.share = float64(p.step) / float64(r.Steps)
	}
	return p
}

// tell sends an event.
func (r *loop) tell(kind, name string, fields ...Field) {
	if r.Events != nil {
		r.Events(Event{kind, name, r.state.Step, r.elapsed(), math.Min(r.progress().share, 1), fields})
	}
}

// warn sends what the user should know though nothing failed.
func (r *loop) warn(text string) { r.tell("event", "warning", Field{"text", text}) }

// elapsed is the time since the run's first step, evaluations included.
func (r *loop) elapsed() time.Duration { return seconds(r.state.Wall.Total) + r.Clock() - r.begun }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// interrupted saves and gives ErrStopped if err came from the end of ctx.
func (r *loop) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return r.stop()
	}
	return err
}

func (r *loop) stop() error {
	if err := r.save(true); err != nil {
		return err
	}
	return ErrStopped
}

// finish scores and saves the end of the run.
func (r *loop) finish(ctx context.Context) (*Summary, error) {
	trained := r.trained()
	if err := r.look(1); err != nil {
		return nil, err
	}
	if err := r.evaluate(ctx, true); err != nil {
		return nil, r.interrupted(ctx, err)
	}
	if err := r.save(true); err != nil {
		return nil, err
	}
	s := r.state.summary()
	views := r.state.Step * r.Loader.Size * len(r.Loader.Views)
	s.ViewsPerSecond = float64(views) / math.Max(trained.Seconds(), 1e-9)
	s.Seconds = r.elapsed().Seconds()
	return s, r.Root.Sync()
}
