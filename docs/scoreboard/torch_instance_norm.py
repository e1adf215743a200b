import torch

x = torch.tensor([[[[1.0], [2.0], [4.0]], [[0.0], [1.0], [0.0]]]])
g = torch.tensor([[[[1.0], [0.0], [0.0]], [[0.0], [1.0], [0.0]]]])
for dtype in (torch.float32, torch.bfloat16):
    for layout in ("contiguous", "channels last"):
        a, h = (t.to(dtype) for t in (x, g))
        if layout == "channels last":
            a, h = (t.transpose(1, 2).contiguous().transpose(1, 2) for t in (a, h))
        weight, bias = torch.ones(2, dtype=dtype, requires_grad=True), torch.zeros(2, dtype=dtype)
        y = torch.nn.functional.instance_norm(a.requires_grad_(), None, None, weight, bias)
        print(dtype, layout, torch.autograd.grad(y, weight, h)[0].tolist())
