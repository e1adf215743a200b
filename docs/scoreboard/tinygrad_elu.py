from tinygrad import Tensor

x = Tensor([-1e-3, 0.0, -0.0, -1e-9, 1e-9, 1e-3])
(gradient,) = x.elu().gradient(x, gradient=Tensor.ones(6))
print(gradient.numpy())  # right: 0.999 1 1 1 1 1, since the slope is exp(x) below 0, and 1 above
