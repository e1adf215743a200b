import mlx.core as mx
from mlx import nn

for _ in range(1000):
    mx.eval(nn.log_softmax(mx.array([[0.0]]), axis=1))  # a class alone: 0 is right
print("no crash")
