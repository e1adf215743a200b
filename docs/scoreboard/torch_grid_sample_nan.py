import torch

x = torch.ones(1, 1, 1, 6, requires_grad=True)
grid = torch.zeros(1, 1, 6, 2)
grid[0, 0, 0, 0] = float("nan")
y = torch.nn.functional.grid_sample(x, grid.requires_grad_(), padding_mode="border", align_corners=False)
print(y.flatten().tolist(), flush=True)
print(torch.autograd.grad(y.sum(), x)[0].flatten().tolist())
