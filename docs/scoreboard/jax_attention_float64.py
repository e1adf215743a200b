import jax
from jax import numpy as jnp

jax.config.update("jax_enable_x64", True)
query = jnp.array([[[[1.0]]]])
key = value = jnp.array([[[[0.0]], [[1.0]]]])  # the weights of 0 and 1 are softmax([0, 1])
y = jax.nn.dot_product_attention(query, key, value, scale=1.0)
print(y.dtype, y.item(), jax.nn.softmax(jnp.array([0.0, 1.0]))[1])
