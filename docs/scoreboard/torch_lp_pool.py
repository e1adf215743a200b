import torch

pool = torch.nn.functional.lp_pool1d
x = torch.tensor([[[-3.0, 4.0, 3.0]]])
print("p = 3", pool(x[..., :2], 3.0, 2).tolist(), "of (27 + 64)^(1/3) =", 91 ** (1 / 3))
print("p = 1.5", pool(x[..., :2], 1.5, 2).tolist())
print("the last of ceil_mode, one number, 3", pool(x, 2.0, 2, ceil_mode=True).tolist())
