"""The result of a forward run of any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Trajectory:
    """The result of a forward run on B images over T steps.

    Attributes:
        logits: the logits of each step, ``(T, B, heads, classes)``.
        phases: one tensor per layer, ``(T, B, H, W)`` or ``(T, B, units)``, radians; empty for a model without phases.
        gates: how much each oscillator pulls, in [0, 1], with the same shapes as ``phases``.
        leak: ρ in [0, 1], the weight of each earlier step in an answer relative to the step after it.
        keys: the keys that coupled the phases before each step except the first, one tensor per convolution,
            ``(T − 1, B, d, H, W)``; empty for a model without keys.
        queries: the queries, with the same shapes as ``keys``.
        participation: how much each location of the first layer takes part, ``(B, H, W)`` in [0, 1], if that is learned.
        prediction_errors: mean squared error with which each of L convolutions predicted the layer below, before each step
            except the first, ``(T − 1, L)``; ``None`` for a model that does not predict.
    """

    logits: Tensor
    phases: tuple[Tensor, ...] = ()
    gates: tuple[Tensor, ...] = ()
    leak: float | Tensor = 0.0
    keys: tuple[Tensor, ...] = ()
    queries: tuple[Tensor, ...] = ()
    participation: Tensor | None = None
    prediction_errors: Tensor | None = None

    @classmethod
    def of_steps(
        cls,
        logits: Sequence[Tensor],
        phases: Sequence[Sequence[Tensor]] = (),
        gates: Sequence[Sequence[Tensor]] = (),
        leak: float | Tensor = 0.0,
        keys: Sequence[Sequence[Tensor]] = (),
        queries: Sequence[Sequence[Tensor]] = (),
        participation: Tensor | None = None,
        prediction_errors: Sequence[Tensor | None] = (),
    ) -> Trajectory:
        """Join the records of single steps: logits ``(B, heads, classes)``; phases, gates, keys and queries of the layers."""

        def layers(record: Sequence[Sequence[Tensor]]) -> tuple[Tensor, ...]:
            return tuple(torch.stack(layer) for layer in zip(*record, strict=True))

        errors = [errors for errors in prediction_errors if errors is not None]
        return cls(
            logits=torch.stack(list(logits)),
            phases=layers(phases),
            gates=layers(gates),
            leak=leak,
            keys=layers(keys),
            queries=layers(queries),
            participation=participation,
            prediction_errors=torch.stack(errors) if errors else None,
        )

    @property
    def answers(self) -> Tensor:
        r"""The answer at each step, from the logits of all steps so far, ``(T, B, heads, classes)``.

        .. math:: \bar\ell_t = \sum_{s \le t} \rho^{t-s} \ell_s \Big/ \sum_{s \le t} \rho^{t-s}

        With ρ = 0 the answer is that of the step itself; with ρ = 1 it is the mean over all steps so far. The paper uses the
        last step alone (ρ = 0); ρ > 0 is ours.
        """
        if isinstance(self.leak, float) and self.leak == 0:
            return self.logits
        answers = []
        total, weight = torch.zeros_like(self.logits[0]), self.logits.new_zeros(())
        for logits in self.logits:
            total, weight = logits + self.leak * total, 1 + self.leak * weight
            answers.append(total / weight)
        return torch.stack(answers)
