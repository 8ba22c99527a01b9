"""GAttANet: what it reduces to, and the sums that define its attention."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import filled, sparse

from gasp.models import CNN, GASPnet, GAttANet

float64 = pytest.mark.usefixtures("float64")


def build(**settings) -> GAttANet:
    """The network of one seed, whatever its settings."""
    torch.manual_seed(1)
    return GAttANet(**settings)


@float64
@pytest.mark.parametrize("silent", ["keys", "queries", "strengths"])
def test_without_keys_queries_or_strength_is_the_cnn_at_every_step(silent):
    cnn, model, images = CNN(), GAttANet(steps=4), sparse()
    model.load_state_dict(cnn.state_dict(), strict=False)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(silent):
                parameter.zero_()
    assert torch.equal(model(images).logits, cnn(images).logits.expand(4, -1, -1, -1))


@float64
def test_the_global_query_is_the_mean_query_of_all_locations_of_each_layer_averaged_over_layers():
    model = build()
    activities = model.sweep(filled())
    layers = []
    for x, query in zip(activities, model.queries, strict=True):
        if x.ndim == 4:
            queries = [x[:, :, i, j] @ query for i in range(x.shape[2]) for j in range(x.shape[3])]
        else:
            queries = [x[:, n, None] * query[n] for n in range(x.shape[1])]
        layers.append(sum(queries) / len(queries))
    torch.testing.assert_close(model.global_query(activities), sum(layers) / 5, rtol=1e-10, atol=1e-10)


@float64
def test_agreement_is_the_product_of_each_key_and_the_global_query():
    model = build(key_size=5)
    activities = model.sweep(filled())
    query = model.global_query(activities)
    for x, key, agreement in zip(activities, model.keys, model.agreements(activities), strict=True):
        keys = torch.einsum("bc...,cd->b...d", x, key) if x.ndim == 4 else x.unsqueeze(-1) * key
        naive = (keys * query.view(3, *[1] * (keys.ndim - 2), 5)).sum(-1) / math.sqrt(5)
        torch.testing.assert_close(agreement, naive, rtol=1e-10, atol=1e-10)


@float64
def test_attention_does_not_depend_on_where_things_are():
    model = build()
    activities = model.sweep(filled())
    moved = [x.flip(2) if x.ndim == 4 else x for x in activities]
    torch.testing.assert_close(model.global_query(moved), model.global_query(activities), rtol=1e-10, atol=1e-10)
    for after, before in zip(model.agreements(moved)[:3], model.agreements(activities)[:3], strict=True):
        torch.testing.assert_close(after, before.flip(1), rtol=1e-10, atol=1e-10)


@float64
def test_what_agrees_is_emphasised_and_what_disagrees_is_silenced():
    model = build()
    activities = model.sweep(filled())
    for agreement, gain in zip(model.agreements(activities), model.gains(activities), strict=True):
        gain = gain.squeeze(1) if agreement.ndim == 3 else gain
        assert ((gain > 1) == (agreement > 0)).all()
        assert (gain > 0).all()
        assert (gain < 2).all()


@pytest.mark.parametrize("network", [{}, {"channels": 3, "heads": 2}], ids=str)
def test_parameters_are_as_many_as_gaspnet_s_within_5_percent(network):
    expected, actual = (sum(p.numel() for p in model.parameters()) for model in (GASPnet(**network), GAttANet(**network)))
    assert abs(actual - expected) <= 0.05 * expected


def test_the_last_logits_alone_train_what_is_coupled():
    model = build()
    model(sparse()).logits[-1].square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.coupling_parameters())
