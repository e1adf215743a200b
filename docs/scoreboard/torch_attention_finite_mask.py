import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

attend = torch.nn.functional.scaled_dot_product_attention
q, k = torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 3, 1)
v = torch.tensor([3.0, 6.0, 0.0]).reshape(1, 1, 3, 1).requires_grad_()
mask = torch.full((1, 3), torch.finfo(torch.float32).min)
for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.MATH):
    with sdpa_kernel(backend):
        y = attend(q, k, v, mask)
        print(backend.name, "y", y.item(), "gradient", torch.autograd.grad(y.sum(), v)[0].flatten().tolist())
