import mlx.core as mx

x, weight = mx.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1), mx.ones((1, 1, 1))
print(mx.conv_transpose1d(x, weight, stride=2).flatten().tolist())
print(mx.conv_transpose1d(x, weight, stride=2, padding=1).flatten().tolist())
print(mx.conv_transpose1d(x[:, :2], weight, stride=2, padding=1).flatten().tolist())
