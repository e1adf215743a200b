import torch

x = torch.tensor([[[[1.0], [2.0], [4.0]], [[0.0], [1.0], [0.0]]]]).bfloat16()
g = torch.tensor([[[[1.0], [0.0], [0.0]], [[0.0], [1.0], [0.0]]]]).bfloat16()
for layout in ("contiguous", "channels last"):
    a, h = (t.transpose(1, 2).contiguous().transpose(1, 2) if layout != "contiguous" else t for t in (x, g))
    weight, bias = torch.ones(2).bfloat16().requires_grad_(), torch.zeros(2).bfloat16()
    y = torch.nn.functional.instance_norm(a.requires_grad_(), None, None, weight, bias)
    print(layout, torch.autograd.grad(y, weight, h)[0].tolist())
