import mlx.core as mx

x = mx.array([-0.5], dtype=mx.float64)
y = mx.sigmoid(x)
print(y.dtype, y.item())
