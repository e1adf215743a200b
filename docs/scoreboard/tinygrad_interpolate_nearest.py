from tinygrad import Tensor

x = Tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
y = x.interpolate((2, 6), "nearest")
print(y.tolist())  # right: each number twice
print(y.gradient(x, gradient=Tensor.ones(1, 1, 2, 6))[0].tolist())  # right: 2 of each
