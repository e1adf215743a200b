import paddle

x = paddle.to_tensor([[0.0, 0.01]], "float64")  # its variance is 2.5e-5
print(paddle.nn.functional.layer_norm(x, [2], epsilon=1e-5)[0, 1].item(), 0.005 / (2.5e-5 + 1e-5) ** 0.5)
