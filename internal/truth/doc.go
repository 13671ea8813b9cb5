// Package truth compares kith with numbers that were not made by kith: gradients of PyTorch's op
// database, ONNX node vectors, torchvision's networks, recorded training steps, and two other
// implementations of NNCLR. It has tests only; goldens are in testdata/golden, their generators
// in testdata/gen. Each suite prints how many outside cases ran.
package truth
