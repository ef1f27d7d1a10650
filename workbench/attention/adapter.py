"""Anything that scores items, made a model of the workbench: a function or a module."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import AttentionTap, Batch
from workbench.attention.foreign_predictions import (
    check_longest,
    check_padding,
    check_rows,
    check_used,
    made_up,
    tell_changed,
)
from workbench.attention.hooks import hooked
from workbench.attention.open_attention import tell_unnamed, weights_module
from workbench.errors import WorkbenchError, several, whole

LATER_SEEN = "; give causal=False where rows may see later items"


@dataclass(frozen=True)
class AdaptedConfig:
    """The sizes of an adapted model, see `workbench.model.Sizes`.

    Attributes
    ----------
    name : what to call the model.
    n_items : items that it scores; their ids run from 1, and 0 is padding.
    max_length : items of a history that it reads, at most.
    n_layers, n_heads : of its attention, 0 where none is read.
    family, uniform : which part it plays beside other models, see `adapt`.
    """

    name: str
    n_items: int
    max_length: int
    n_layers: int = 0
    n_heads: int = 0
    family: str = ""
    uniform: bool = False


def adapt(
    scorer: nn.Module | Callable[[Batch], Tensor],
    *,
    n_items: int,
    max_length: int,
    embed: Callable[[Batch], Tensor] | None = None,
    score: Callable[[Batch, Tensor], Tensor] | None = None,
    attention: Sequence[str] = (),
    causal: bool = True,
    needs_times: bool = False,
    needs_users: bool = False,
    name: str = "Adapted",
    family: str = "",
    uniform: bool = False,
) -> "Scorer":
    """Make a model of a function from histories to scores, or of a module.

    Parameters
    ----------
    scorer : a module, or any function. Without `embed` and `score` it is called with a batch and
        gives scores of all items [B, n_items + 1]; such a model is evaluated and explained by
        taking items away. Histories are right-padded to the longest of a batch, and column 0 is
        padding: the last item of each is at `batch.rows`, and how much padding follows must not
        change its scores.
    n_items : items that it scores; their ids run from 1.
    max_length : items of a history that it reads, at most.
    embed, score : item embeddings [B, L, d] of a batch, and scores [B, n_items + 1] from the batch
        and those embeddings: gradients then reach the items.
    attention : one dotted name per layer, from the input up: of the submodule of `scorer` whose
        output is the layer's weights [B, H, L, L] (a softmax, or the dropout after it), or of a
        `nn.MultiheadAttention`, which is made to compute them openly. They are then recorded and
        edited; what is multiplied in behind it, as by a gate, is not seen. The prediction is made
        at the last item: in the last layer no weights but those of its row may change the scores.
    causal : whether rows of attention see no later item.
    needs_times, needs_users : whether the scorer reads `batch.times` or `batch.users`.
    name : what to call the model.
    family : a word that tells a report which models are compared: the name of a backbone for one
        beside this repository's models, or one of your own. A model without is compared with none.
    uniform : whether its attention was frozen to uniform and it was trained so; what ranks better
        in its family owes that to where its attention points.

    Returns
    -------
    Scorer
        A `workbench.model.Model`; an `Adapted`, which is an `AttentionModel`, where `embed` and
        `score` are given. It is in evaluation mode. A module keeps its parameters.

    Raises
    ------
    WorkbenchError
        If the module has no submodule of a name, what passes there are no weights, the scores have
        another shape, change with padding, depend on the attention of another row than that of
        the last item, or not on what passes, or not on the embeddings that `score` is given, the
        batch is changed in place, a history of `max_length` items cannot be read, `embed`, `score`
        and `attention` are not given together as they must be, or attention that is said to be
        uniform is not. A few passes of short histories, and one of the longest, check it.

    Warns
    -----
    WorkbenchWarning
        If a `nn.MultiheadAttention` of the module is not named, while others are, or weights are
        changed behind the module that is named, before they are multiplied with the values.
    """
    if not callable(scorer):
        raise WorkbenchError(f"the scorer is {scorer!r}; give a module, or a function of a batch.")
    whole("n_items", n_items)
    whole("max_length", max_length)
    several("attention", attention)
    if len(set(attention)) < len(attention):
        raise WorkbenchError(
            f"attention={[*attention]!r} names a submodule twice; name one a layer."
        )
    for option, word in {"name": name, "family": family}.items():
        if not isinstance(word, str):
            raise WorkbenchError(f"{option} is {word!r}, where a word is expected.")
    flags = {"causal": causal, "uniform": uniform}
    flags |= {"needs_times": needs_times, "needs_users": needs_users}
    for option, flag in flags.items():
        if flag not in (False, True):
            raise WorkbenchError(f"{option}={flag!r} is neither True nor False.")
    if uniform and not attention:
        raise WorkbenchError("uniform attention is said of a model whose attention is not named.")
    config = AdaptedConfig(name, n_items, max_length, family=family, uniform=uniform)
    needs = (needs_times, needs_users)
    if (embed is None) != (score is None):
        raise WorkbenchError("embed and score go together; give both, or none of them.")
    if embed is None or score is None:
        if attention:
            raise WorkbenchError(
                "attention is read while scores are made from embeddings; give embed and score too."
            )
        model = Scorer(scorer, config, *needs)
        model.check()
        check_padding(model)
        check_longest(model)
        return model
    if attention and not isinstance(scorer, nn.Module):
        raise WorkbenchError("attention names submodules; give the module that has them.")
    sources = [weights_module(scorer, path) for path in attention]  # type: ignore[arg-type]
    if isinstance(scorer, nn.Module) and attention:
        tell_unnamed(scorer, attention)
    adapted = Adapted(scorer, config, *needs, embed=embed, score=score, causal=causal)
    adapted.open_taps(sources)
    adapted.check(attention)
    adapted.check_gradient()
    check_padding(adapted)
    if attention:
        check_rows(adapted, attention[-1])
        check_used(adapted, attention)
        tell_changed(adapted, attention)
    check_longest(adapted)
    return adapted


class Scorer(nn.Module):
    """A `Model` around a function from histories to scores, see `adapt`."""

    def __init__(
        self,
        scorer: nn.Module | Callable[[Batch], Tensor],
        config: AdaptedConfig,
        needs_times: bool,
        needs_users: bool,
    ) -> None:
        super().__init__()
        self.module = scorer  # its parameters are this model's, where it is a module
        self.config = config
        self.card: dict[str, Any] = {}
        self.item_ids: Any = None
        self.user_ids: Any = None
        self.needs_times, self.needs_users = needs_times, needs_users
        self.eval()

    @property
    def stages(self) -> tuple[str, ...]:
        """The points where attention weights pass: none."""
        return ()

    @property
    def device(self) -> torch.device:
        """Where the parameters are; the CPU where there are none."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    def raw_scores(self, batch: Batch) -> Tensor:
        """Scores as the scorer gives them, [B, n_items + 1]."""
        return self.module(batch)

    def forward(self, batch: Batch) -> Tensor:
        """Scores of all items, [B, n_items + 1], -inf for padding."""
        return _without_padding(self.raw_scores(batch))

    def scores(self, batch: Batch, items: Tensor | None = None) -> Tensor:
        """Scores of all items, [B, n_items + 1] with -inf for padding, or of `items` [B, K]."""
        scores = self(batch)
        return scores if items is None else scores.gather(1, items)

    @torch.no_grad()
    def check(self, names: Sequence[str] = ()) -> None:
        """Run two short histories to see whether the model gives what it has to give.

        Parameters
        ----------
        names : submodules that errors name, one for each layer with a tap; none in a `Scorer`.

        Raises
        ------
        WorkbenchError
            If the scores have another shape than [2, n_items + 1].
        """
        self._check_scores(self._probed(self._probe()))

    def _probed(self, batch: Batch) -> Tensor:
        """Raw scores of a batch, which has to be what it was before."""
        before = batch.items.clone()
        scores = self.raw_scores(batch)
        if not torch.equal(batch.items, before):
            raise WorkbenchError(
                "batch.items is changed in place, so that whoever reads the batch next would find "
                "other items; clone it first, as in items = batch.items.clone()."
            )
        return scores

    def _probe(self) -> Batch:
        items = torch.tensor([[1, 2, 3], [3, 2, 0]]).clamp(max=self.config.n_items)
        return made_up(self, items, torch.tensor([3, 2]))

    def _check_scores(self, scores: Tensor) -> None:
        expected = (2, self.config.n_items + 1)
        if not isinstance(scores, Tensor):
            raise WorkbenchError(
                f"score gives a {type(scores).__name__}; give a tensor of PyTorch."
            )
        if tuple(scores.shape) != expected:
            raise WorkbenchError(
                f"score gives {list(scores.shape)} for two histories, where {list(expected)} is "
                "expected: a column per item, and column 0 for padding."
            )


class Adapted(Scorer):
    """A foreign module that scores from embeddings, with taps where attention passes."""

    def __init__(
        self,
        scorer: nn.Module | Callable[[Batch], Tensor],
        config: AdaptedConfig,
        needs_times: bool,
        needs_users: bool,
        *,
        embed: Callable[[Batch], Tensor],
        score: Callable[[Batch, Tensor], Tensor],
        causal: bool,
    ) -> None:
        super().__init__(scorer, config, needs_times, needs_users)
        self._embed, self._score, self._causal = embed, score, causal
        self._taps = nn.ModuleList()

    def open_taps(self, sources: Sequence[nn.Module]) -> None:
        """Let the output of each module, one per layer from the input up, pass a tap."""
        for layer, source in enumerate(sources):
            tap = AttentionTap(layer, "attention")
            self._taps.append(tap)
            source.register_forward_hook(lambda _, __, weights, tap=tap: tap(weights))
        self.config = replace(self.config, n_layers=len(sources))

    @property
    def stages(self) -> tuple[str, ...]:
        """The points where attention weights pass."""
        return ("attention",) if len(self._taps) else ()

    def taps(self) -> list[AttentionTap]:
        """A tap per layer."""
        return [tap for tap in self._taps if isinstance(tap, AttentionTap)]

    def rows(self, batch: Batch) -> Tensor:
        """[B]: the prediction is made at the last item."""
        return batch.rows

    def history(self, batch: Batch) -> Tensor:
        """[B, L]: True where there is an item."""
        return batch.valid

    def allowed(self, batch: Batch) -> Tensor:
        """[B, 1, L, L]: True where row i may attend to key j."""
        length = batch.items.shape[1]
        seen = torch.ones(length, length, dtype=torch.bool, device=batch.items.device)
        return ((seen.tril() if self._causal else seen) & batch.valid[:, None, :])[:, None]

    def embed(self, batch: Batch) -> Tensor:
        """Item embeddings [B, L, d]: where attributions start."""
        return self._embed(batch)

    def raw_scores(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Scores as the module gives them, [B, n_items + 1]; `embeddings` as in `scores`."""
        # a copy of what others go on with, since `score` may change it in place
        return self._score(batch, self.embed(batch) if embeddings is None else embeddings.clone())

    def forward(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Scores of all items, [B, n_items + 1], -inf for padding; `embeddings` as in `scores`."""
        return _without_padding(self.raw_scores(batch, embeddings))

    def scores(
        self, batch: Batch, items: Tensor | None = None, embeddings: Tensor | None = None
    ) -> Tensor:
        """As in `Scorer`; `embeddings` [B, L, d] stand in for `embed(batch)`."""
        scores = self(batch, embeddings)
        return scores if items is None else scores.gather(1, items)

    @torch.no_grad()
    def check(self, names: Sequence[str] = ()) -> None:
        """As in `Scorer`; and what passes the taps must be attention weights.

        The number of heads is read from them.

        Parameters
        ----------
        names : the submodules whose outputs pass the taps, by layer.

        Raises
        ------
        WorkbenchError
            If the scores have another shape, or what passes a tap does so more than once, is not
            [B, H, L, L], has rows that do not sum to one, or gives weight to padding or, in a
            causal model, to later items.
        """
        batch = self._probe()
        passed: dict[int, list[Any]] = {layer: [] for layer in range(len(names))}

        def keep(tap: AttentionTap, _: object, weights: Any) -> None:
            passed[tap.layer].append(weights)

        with hooked(self.taps(), keep):
            self._check_scores(self._probed(batch))
        for layer, name in enumerate(names):
            if len(passed[layer]) > 1:
                raise WorkbenchError(
                    f"{name} is called {len(passed[layer])} times in a pass, so that the weights "
                    "of one layer cannot be told from others; give each layer a softmax or dropout "
                    "of its own."
                )
            weights = passed[layer][0] if passed[layer] else None
            shape = list(weights.shape) if isinstance(weights, Tensor) else []
            if weights is None or len(shape) != 4 or [shape[0], *shape[2:]] != [2, 3, 3]:
                passes = "nothing" if weights is None else shape or type(weights).__name__
                raise WorkbenchError(
                    f"{name} is not where attention weights [B, H, L, L] pass (of 2 histories of "
                    f"up to 3 items, what passes is {passes}); name the softmax or the dropout "
                    "after it, which has to be a module that is called: weights do not leave a "
                    "fused function such as scaled_dot_product_attention."
                )
            self._check_weights(batch, weights, name)
            heads = weights.shape[1]
            if layer and heads != self.config.n_heads:
                raise WorkbenchError(
                    f"{names[0]} passes {self.config.n_heads} heads, and {name} {heads}; layers of "
                    "different numbers of heads cannot be compared. Name those of one number."
                )
            self.config = replace(self.config, n_heads=heads)

    def check_gradient(self) -> None:
        """See that scores are made of the embeddings that `score` is given.

        Raises
        ------
        WorkbenchError
            If no gradient of them arrives there.
        """
        batch = self._probe()
        with torch.inference_mode(False), torch.enable_grad():
            embeddings = self.embed(batch).detach().clone().requires_grad_()
            scores = self.raw_scores(batch, embeddings)
            found = None
            if scores.requires_grad:
                known = scores[scores.isfinite()]
                (found,) = torch.autograd.grad(known.sum(), embeddings, allow_unused=True)
        if found is None:
            raise WorkbenchError(
                "score does not depend on the embeddings that it is given, so that nothing could "
                "be said of items by changing these; make the scores of its second argument, "
                "without detach and without torch.no_grad."
            )

    def __deepcopy__(self, memo: object) -> "Adapted":
        raise WorkbenchError(
            "an adapted model cannot be copied, since its embed and score reach the module that "
            "they were made for; copy that module, and adapt the copy with its own."
        )

    def _check_weights(self, batch: Batch, weights: Tensor, name: str) -> None:
        allowed = self.allowed(batch)
        real = batch.valid[:, None, :, None]
        outside = weights.masked_fill(allowed | ~real, 0).abs().max()
        sums = weights.sum(-1, keepdim=True)[real.expand(-1, weights.shape[1], -1, -1)]
        if outside > 1e-4 or (sums - 1).abs().max() > 1e-3:
            raise WorkbenchError(
                f"what passes {name} are no attention weights: rows must sum to one, and give "
                f"nothing to padding{' or later items' * self._causal}; mask the scores before the "
                "softmax, and name that, or the dropout after it, since weights behind a gate sum "
                f"to something else{LATER_SEEN * self._causal}."
            )
        even = allowed / allowed.sum(-1, keepdim=True)
        if self.config.uniform and (weights - even).masked_fill(~real, 0).abs().max() > 1e-4:
            raise WorkbenchError(
                f"what passes {name} is not uniform; leave out uniform, which is said of a model "
                "that was trained with even weights."
            )


def _without_padding(scores: Tensor) -> Tensor:
    """Scores [B, n_items + 1] with -inf for padding, of half precision in single to be ranked."""
    full = scores.float() if torch.finfo(scores.dtype).bits < 32 else scores
    return F.pad(full[:, 1:], (1, 0), value=-torch.inf)
