"""What frameworks have of our ops, as functions named after them: what `--impl jax` judges. Never an op of our own making.

One file a framework. Each function takes the framework's arrays in our order (channels first), and the parameters that the
framework takes: what it does not name is not supported, nor is what raises NotImplementedError. Where a framework keeps
channels last, axes are moved; what it has in several parts is put together as its own layers and documents do.
"""
