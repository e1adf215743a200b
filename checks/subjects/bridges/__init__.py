"""Other frameworks: one file each, with `bridged(op, found, *, dtype, device, compiled)`, which has forward and backward.

`found` is what --impl names behind the bridge; what comes out takes and returns NumPy arrays. They have the case's values;
for a `dtype` that NumPy does not have (bfloat16) they are float32 numbers that it can hold, and so are results. A
`__signature__` on forward and backward says which parameters `found` takes. A framework is imported by its bridge alone.

A bridge to what is no Python has `opened(op, text, *, dtype, device)` in its place, with what stands behind its colon.
"""
