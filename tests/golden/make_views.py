"""Writes views.h: the loss of two views of each of three things, and its gradients, by PyTorch in double precision.

Chen, Kornblith, Norouzi and Hinton, "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020,
equation 1, with the cross-entropy over all views but the one itself written out. Any PyTorch will do:

    python3 make_views.py
"""
import pathlib
import textwrap

import torch

THINGS, INPUTS, OUTPUTS, TEMPERATURE = 3, 5, 4, 0.1


def nt_xent(vectors):
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    logits = unit @ unit.T / TEMPERATURE
    views = len(vectors)
    loss = 0
    for i in range(views):
        partner = (i + views // 2) % views
        others = [k for k in range(views) if k != i]
        loss = loss - logits[i, partner] + torch.logsumexp(logits[i, others], 0)
    return loss / views


def listed(name, values):
    numbers = textwrap.wrap(", ".join(f"{v:.9g}" for v in values.flatten().tolist()), 112)
    return f"static const double views_{name}[{values.numel()}] = {{\n    " + "\n    ".join(numbers) + "\n};\n"


def main():
    torch.manual_seed(7)
    # What goes in is exact in single precision, so that nothing but the arithmetic differs.
    src = torch.randn(2 * THINGS, INPUTS).double()
    weight = torch.randn(OUTPUTS, INPUTS).double().requires_grad_()
    bias = torch.randn(OUTPUTS).double().requires_grad_()
    loss = nt_xent(src @ weight.T + bias)
    loss.backward()
    lines = ["/* Made by make_views.py. */\n",
             f"enum {{ VIEW_THINGS = {THINGS}, VIEW_INPUTS = {INPUTS}, VIEW_OUTPUTS = {OUTPUTS} }};\n"]
    for name, values in (("src", src), ("weight", weight), ("bias", bias), ("loss", loss), ("grad_weight", weight.grad),
                         ("grad_bias", bias.grad)):
        lines.append(listed(name, values))
    pathlib.Path(__file__).with_name("views.h").write_text("".join(lines))


if __name__ == "__main__":
    main()
