"""LoRA files of every layout, random, each with the change it should make, written out in torch.

The formulas are those of the layouts' own trainers (kohya's sd-scripts, LyCORIS, peft), independent
of the engine's code.
"""
import torch

RANK, ALPHA = 3, 1.5


def random(generator, *shape):
    return torch.randn(shape, generator=generator) * 0.2


def low_rank(weight, g):
    rows = weight.shape[0]
    if weight.dim() == 4:
        down, up = random(g, RANK, *weight.shape[1:]), random(g, rows, RANK, 1, 1)
    else:
        down, up = random(g, RANK, weight.shape[1]), random(g, rows, RANK)
    change = (up.flatten(1) @ down.flatten(1)).reshape(weight.shape) * (ALPHA / RANK)
    return {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(ALPHA)}, change


def without_alpha(weight, g):
    parts, change = low_rank(weight, g)
    del parts["alpha"]
    return parts, change * (RANK / ALPHA)


def tucker(weight, g):
    if weight.dim() != 4 or weight.shape[2] == 1:
        return low_rank(weight, g)
    rows, columns, height, width = weight.shape
    down, up = random(g, RANK, columns, 1, 1), random(g, rows, RANK, 1, 1)
    mid = random(g, RANK, RANK, height, width)
    change = torch.einsum("or,rskl,si->oikl", up[:, :, 0, 0], mid, down[:, :, 0, 0])
    return {"lora_down.weight": down, "lora_up.weight": up, "lora_mid.weight": mid,
            "alpha": torch.tensor(ALPHA)}, change * (ALPHA / RANK)


def loha(weight, g):
    rows, columns = weight.shape[0], weight.flatten(1).shape[1]
    a1, b1 = random(g, rows, RANK), random(g, RANK, columns)
    a2, b2 = random(g, rows, RANK), random(g, RANK, columns)
    change = ((a1 @ b1) * (a2 @ b2)).reshape(weight.shape) * (ALPHA / RANK)
    return {"hada_w1_a": a1, "hada_w1_b": b1, "hada_w2_a": a2, "hada_w2_b": b2,
            "alpha": torch.tensor(ALPHA)}, change


def loha_tucker(weight, g):
    if weight.dim() != 4 or weight.shape[2] == 1:
        return loha(weight, g)
    rows, columns, height, width = weight.shape
    parts, factors = {"alpha": torch.tensor(ALPHA)}, []
    for i in "12":
        a, b, t = (random(g, RANK, rows), random(g, RANK, columns),
                   random(g, RANK, RANK, height, width))
        parts |= {f"hada_w{i}_a": a, f"hada_w{i}_b": b, f"hada_t{i}": t}
        factors.append(torch.einsum("ijkl,jr,ip->prkl", t, b, a))
    return parts, factors[0] * factors[1] * (ALPHA / RANK)


def kron(first, second):
    return torch.kron(first.reshape(first.shape + (1,) * (second.dim() - 2)), second.contiguous())


def lokr(weight, g):
    rows, columns = weight.shape[0] // 2, weight.shape[1] // 4
    first, a = random(g, 2, 4), random(g, rows, RANK)
    b = random(g, RANK, columns * weight[0, 0].numel())
    second = (a @ b).reshape(rows, columns, *weight.shape[2:])
    return {"lokr_w1": first, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": torch.tensor(ALPHA)}, \
        kron(first, second) * (ALPHA / RANK)


def lokr_whole(weight, g):
    rows, columns = weight.shape[0] // 4, weight.shape[1] // 2
    first, second = random(g, 4, 2), random(g, rows, columns, *weight.shape[2:])
    return {"lokr_w1": first, "lokr_w2": second, "alpha": torch.tensor(7.0)}, kron(first, second)


def lokr_tucker(weight, g):
    rows, columns = weight.shape[0] // 2, weight.shape[1] // 2
    a1, b1 = random(g, 2, RANK), random(g, RANK, 2)
    parts = {"lokr_w1_a": a1, "lokr_w1_b": b1, "alpha": torch.tensor(ALPHA)}
    if weight.dim() != 4 or weight.shape[2] == 1:
        second = random(g, rows, columns, *weight.shape[2:])
        parts["lokr_w2"] = second
    else:
        a, b, t = (random(g, RANK, rows), random(g, RANK, columns),
                   random(g, RANK, RANK, *weight.shape[2:]))
        parts |= {"lokr_w2_a": a, "lokr_w2_b": b, "lokr_t2": t}
        second = torch.einsum("ijkl,jr,ip->prkl", t, b, a)
    return parts, kron(a1 @ b1, second) * (ALPHA / RANK)


def full(weight, g):
    change = random(g, *weight.shape)
    return {"diff": change}, change


def norm(tensor, axis):
    others = [i for i in range(tensor.dim()) if i != axis]
    return torch.linalg.vector_norm(tensor, dim=others, keepdim=True)


def dora(weight, g, axis=0, base=low_rank):
    parts, change = base(weight, g)
    magnitude = norm(weight, axis) * (1 + random(g, *norm(weight, axis).shape))
    moved = weight + change
    return parts | {"dora_scale": magnitude}, moved * magnitude / norm(moved, axis) - weight


def dora_by_input(weight, g):
    return dora(weight, g, axis=1)


def dora_of_loha(weight, g):
    return dora(weight, g, base=loha)


LYCORIS = {function.__name__: function for function in (
    low_rank, without_alpha, tucker, loha, loha_tucker, lokr, lokr_whole, lokr_tucker, full, dora,
    dora_by_input, dora_of_loha)}


def kohya_file(layout, modules, seed=0, spell=None):
    """Tensors of a file that changes `modules` (name → weight), and the changes by module name.

    Names: "unet.<module>" or "text_encoder.<module>"; `spell` renames modules.
    """
    g = torch.Generator().manual_seed(seed)
    tensors, changes = {}, {}
    for name, weight in modules.items():
        model, _, module = name.partition(".")
        prefix = {"unet": "lora_unet_", "text_encoder": "lora_te_"}[model]
        parts, changes[name] = LYCORIS[layout](weight, g)
        key = prefix + (spell(module) if spell else module).replace(".", "_")
        tensors |= {f"{key}.{part}": value.contiguous() for part, value in parts.items()}
    return tensors, changes
