"""Several processes that train one network (torch.distributed); a single one where torch.distributed was not set up."""

import torch
from torch import distributed as dist


def rank():
    return dist.get_rank() if dist.is_initialized() else 0


def world():
    return dist.get_world_size() if dist.is_initialized() else 1


def agree(network, passed):
    """Average the gradients over the processes, and passed (how far the run is, 0..1), which is returned."""
    if not dist.is_initialized():
        return passed
    gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in network.parameters()]
    flat = torch.cat([*(g.flatten() for g in gradients), gradients[0].new_tensor([passed])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for p, part in zip(network.parameters(), flat[:-1].split([g.numel() for g in gradients])):
        p.grad = part.view_as(p)
    return flat[-1].item()


def half(device):
    """The autocast to train in on that device: bfloat16, but a processor that does not know it is twelve times slower so."""
    known = torch.cpu.get_capabilities()
    return torch.autocast(device.type, torch.bfloat16, device.type != "cpu" or bool(known.get("avx512_bf16") or known.get("amx_bf16")))
