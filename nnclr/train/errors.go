package train

import "fmt"

func (e *DivergedError) Error() string {
	return fmt.Sprintf("loss became %v at step %d (lr %.3g, grad norm %.3g)", e.Loss, e.Step, e.Rate, e.Norm)
}

func (e *CollapsedError) Error() string {
	return fmt.Sprintf("embeddings collapsed at step %d (deviation %.2f of 1, effective rank %.1f)", e.Step, e.Std, e.Rank)
}
