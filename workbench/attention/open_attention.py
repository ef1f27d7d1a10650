"""Where the attention weights of a foreign module pass, made visible where they never leave it."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.phrases import listing


def weights_module(module: nn.Module, path: str) -> nn.Module:
    """The submodule whose output is weights; a MultiheadAttention is exchanged for an open one.

    Parameters
    ----------
    module : the module that contains it. Where a MultiheadAttention is exchanged, its encoders no
        longer use their fused path.
    path : the dotted name of the submodule, or of the MultiheadAttention.

    Raises
    ------
    WorkbenchError
        If there is no submodule of this name, or a MultiheadAttention was built with `add_bias_kv`
        or `add_zero_attn`, or is of a class that computes otherwise.
    """
    try:
        submodule = module.get_submodule(path)
    except AttributeError:
        names = [name for name, _ in module.named_modules() if name]
        raise WorkbenchError(
            f"{type(module).__name__} has no submodule {path!r}; it has {', '.join(names[:12])}."
        ) from None
    if not isinstance(submodule, nn.MultiheadAttention):
        return submodule
    if not isinstance(submodule, OpenMultiheadAttention):
        if type(submodule).forward is not nn.MultiheadAttention.forward:
            raise WorkbenchError(
                f"{path} is a {type(submodule).__name__}, which computes otherwise than the "
                "nn.MultiheadAttention that it extends; name the softmax within it, or the dropout "
                "after that."
            )
        parent, _, name = path.rpartition(".")
        submodule = OpenMultiheadAttention(submodule)
        setattr(module.get_submodule(parent), name, submodule)
    for part in module.modules():
        if isinstance(part, nn.TransformerEncoder):
            part.enable_nested_tensor = part.use_nested_tensor = False  # its fused path
    return submodule.weights


def tell_unnamed(module: nn.Module, paths: Sequence[str]) -> None:
    """Warn of a MultiheadAttention that is not named, beside attention that is.

    Parameters
    ----------
    module : that has all of them.
    paths : the dotted names of the layers.
    """
    named = {id(module.get_submodule(path)) for path in paths}
    left = [
        path
        for path, part in module.named_modules()
        if isinstance(part, nn.MultiheadAttention) and id(part) not in named
    ]
    if left:
        warnings.warn(
            f"attention={[*paths]!r} leaves out {listing(left, 3)}, so that what is said of all "
            "layers is not said of these; name every layer, from the input up.",
            WorkbenchWarning,
            stacklevel=3,
        )


class OpenMultiheadAttention(nn.MultiheadAttention):
    """A `nn.MultiheadAttention` whose weights pass a separate module, `weights`.

    It has the same formula and the same parameters (Vaswani et al., 2017), written out, since
    PyTorch's function computes weights and result in one call.

    Parameters
    ----------
    original : the module it stands in for; its parameters are shared, not copied.

    Raises
    ------
    WorkbenchError
        If the original was built with `add_bias_kv` or `add_zero_attn`.
    """

    def __init__(self, original: nn.MultiheadAttention) -> None:
        if original.bias_k is not None or original.add_zero_attn:
            raise WorkbenchError(
                "a MultiheadAttention with add_bias_kv or add_zero_attn attends to what is no "
                "item; build it without."
            )
        super().__init__(
            original.embed_dim,
            original.num_heads,
            original.dropout,
            bias=original.in_proj_bias is not None,
            kdim=original.kdim,
            vdim=original.vdim,
            batch_first=original.batch_first,
            device="meta",
        )
        self._parameters.update(original._parameters)  # the same ones, not copies
        self.out_proj = original.out_proj
        self.weights = nn.Identity()
        self.train(original.training)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As `nn.MultiheadAttention` for batches; `is_causal` is a hint about `attn_mask`."""
        if not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        matrices = (
            self.in_proj_weight.chunk(3)
            if self._qkv_same_embed_dim
            else (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        )
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, w, b).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, value), matrices, biases, strict=True)
        )  # [B, H, L, dh]
        scores = q @ k.transpose(-1, -2) * self.head_dim**-0.5
        if attn_mask is not None:
            if attn_mask.dim() == 3:
                attn_mask = attn_mask.unflatten(0, (-1, self.num_heads))
            scores = scores + _additive(attn_mask, scores)
        if key_padding_mask is not None:
            scores = scores + _additive(key_padding_mask, scores)[:, None, None]
        weights = self.weights(F.dropout(scores.softmax(-1), self.dropout, self.training))
        mixed = self.out_proj((weights @ v).transpose(1, 2).flatten(2))
        if not self.batch_first:
            mixed = mixed.transpose(0, 1)
        if not need_weights:
            return mixed, None
        return mixed, weights.mean(1) if average_attn_weights else weights


def _additive(mask: Tensor, scores: Tensor) -> Tensor:
    """A mask as numbers to add: True of a boolean one forbids."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=scores.dtype).masked_fill(mask, -torch.inf)
