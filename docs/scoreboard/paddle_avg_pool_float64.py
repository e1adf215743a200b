import paddle

x = paddle.zeros([1, 1, 1, 3], "float64")
x.stop_gradient = False
(gradient,) = paddle.grad(paddle.nn.functional.avg_pool2d(x, (1, 3)), x)
print(gradient.dtype, gradient.flatten().tolist())
