import paddle

x = paddle.to_tensor([[[[1.0, 2.0]]]])
print(paddle.nn.functional.max_pool2d(x, 1, [1, 2], ceil_mode=True).flatten().tolist())
print(paddle.nn.functional.avg_pool2d(x, 1, [1, 2], ceil_mode=True).flatten().tolist())
