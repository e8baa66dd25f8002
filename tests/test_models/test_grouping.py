# SPDX-License-Identifier: Apache-2.0
"""The grouping transformer: invariances, masks, stages."""

import copy
import pickle

import pytest
import torch

from centergroup_mm.models.grouping import GroupingTransformer
from centergroup_mm.structures import Tokens

B, K, M, P, D = 2, 3, 4, 5, 16
N = K * M
SETTINGS = dict(
    num_keypoints=K,
    embed_dims=D,
    head_dims=8,
    num_layers=2,
    num_heads=4,
    feedforward_channels=32,
)
# The values that tell the paper's variant from the released one.
VARIANTS = [
    dict(encoder_skip=False, group_before_encoder=False),
    dict(encoder_skip=True, group_before_encoder=True),
]
variants = pytest.mark.parametrize('variant', VARIANTS, ids=['paper', 'released'])


def make(**variant):
    """A transformer in evaluation, its biases and norms not trivial."""
    transformer = GroupingTransformer(**SETTINGS, **variant)
    for parameter in transformer.parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, std=0.5)
    return transformer.eval()


def make_tokens(valid_share=0.7):
    """Keypoint and center tokens, some of them invalid."""

    def tokens(num, types):
        return Tokens(
            torch.randn(B, num, D),
            torch.rand(B, num, D),
            types,
            torch.rand(B, num, 2) * 64,
            torch.rand(B, num) < valid_share,
        )

    keypoints = tokens(N, torch.arange(K).repeat_interleave(M))
    return keypoints, tokens(P, torch.full((P,), K))


def reorder(tokens, order):
    """Tokens in another order."""
    features, positions, types, coords, valid = tokens
    return Tokens(
        features[:, order],
        positions[:, order],
        types[order],
        coords[:, order],
        valid[:, order],
    )


def assert_equal(output, expected):
    for one, other in zip(output, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@variants
def test_shapes_of_every_stage(variant):
    outputs = make(**variant)(*make_tokens())
    assert len(outputs) == 2 + variant['group_before_encoder']
    for output in outputs:
        assert output.attention.shape == (B, P, K, N)
        assert output.visibility.shape == (B, P, K)
        assert output.center.shape == (B, P)


@variants
def test_attention_covers_valid_keypoints_only(variant):
    keypoints, centers = make_tokens()
    assert not keypoints.valid.all()
    for output in make(**variant)(keypoints, centers):
        torch.testing.assert_close(output.attention.sum(-1), torch.ones(B, P, K))
        assert not output.attention.movedim(-1, 1)[~keypoints.valid].any()


@variants
def test_last_stage_alone_is_the_last_of_all(variant):
    transformer, tokens = make(**variant), make_tokens()
    outputs = transformer(*tokens)
    (last,) = transformer(*tokens, last_only=True)
    assert_equal(last, outputs[-1])
    assert not torch.equal(outputs[-1].center, outputs[-2].center)


@variants
def test_stages_have_their_own_weights(variant):
    modules = make(**variant).grouping_modules
    pointers = {module.center_mlp[0].weight.data_ptr() for module in modules}
    assert len(pointers) == len(modules)


@variants
def test_order_of_candidates_of_a_type_does_not_matter(variant):
    transformer = make(**variant)
    keypoints, centers = make_tokens()
    order = torch.cat([k * M + torch.randperm(M) for k in range(K)])
    assert torch.equal(keypoints.types[order], keypoints.types)
    outputs = transformer(keypoints, centers)
    permuted = transformer(reorder(keypoints, order), centers)
    for output, other in zip(outputs, permuted, strict=True):
        assert_equal(other, output._replace(attention=output.attention[..., order]))


@variants
def test_permuted_centers_give_permuted_poses(variant):
    transformer = make(**variant)
    keypoints, centers = make_tokens()
    order = torch.randperm(P)
    outputs = transformer(keypoints, centers)
    permuted = transformer(keypoints, reorder(centers, order))
    for output, other in zip(outputs, permuted, strict=True):
        assert_equal(other, [field[:, order] for field in output])


@variants
def test_invalid_tokens_influence_nothing(variant):
    transformer = make(**variant)
    keypoints, centers = make_tokens()
    expected = transformer(keypoints, centers)
    disturbed = [
        tokens._replace(
            features=torch.where(tokens.valid[..., None], tokens.features, 50.0),
            positions=torch.where(tokens.valid[..., None], tokens.positions, -50.0),
        )
        for tokens in (keypoints, centers)
    ]
    for output, other in zip(expected, transformer(*disturbed), strict=True):
        kept = centers.valid
        assert_equal(
            [field[kept] for field in other], [field[kept] for field in output]
        )


@variants
def test_type_and_position_reach_the_attention(variant):
    """The same appearance elsewhere, or as another type, is another token."""
    transformer = make(**variant)
    keypoints, centers = make_tokens(valid_share=1.1)
    (output,) = transformer(keypoints, centers, last_only=True)
    moved = keypoints._replace(positions=torch.rand(B, N, D))
    retyped = keypoints._replace(types=keypoints.types.flip(0))
    for changed in (moved, retyped):
        (other,) = transformer(changed, centers, last_only=True)
        assert (other.attention - output.attention).abs().max() > 1e-3


@variants
@pytest.mark.parametrize('kinds', ['keypoints', 'centers', 'both'])
def test_image_without_valid_tokens_is_finite(variant, kinds):
    """And does not change the other image of the batch."""
    transformer = make(**variant)
    tokens = make_tokens()
    expected = transformer(*tokens)
    emptied = []
    for kind, kept in zip(('keypoints', 'centers'), tokens, strict=True):
        valid = kept.valid.clone()
        valid[0] &= kinds not in (kind, 'both')
        emptied.append(kept._replace(valid=valid))
    outputs = transformer(*emptied)
    for output, before in zip(outputs, expected, strict=True):
        assert all(torch.isfinite(field).all() for field in output)
        assert_equal([field[1] for field in output], [field[1] for field in before])
    sum(field.sum() for output in outputs for field in output).backward()
    for name, parameter in transformer.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


@variants
def test_batched_equals_single(variant):
    transformer = make(**variant)
    keypoints, centers = make_tokens()
    together = transformer(keypoints, centers)
    for b in range(B):
        part = slice(b, b + 1)
        alone = transformer(
            *(
                Tokens(t.features[part], t.positions[part], t.types, *t[3:])._replace(
                    coords=t.coords[part], valid=t.valid[part]
                )
                for t in (keypoints, centers)
            )
        )
        for output, other in zip(together, alone, strict=True):
            assert_equal(other, [field[part] for field in output])


def test_skip_adds_the_input_of_each_layer():
    """With layers that end in zero, the skip passes the tokens through unchanged."""
    transformer = make(encoder_skip=True, group_before_encoder=True)
    for layer in transformer.encoder:
        torch.nn.init.zeros_(layer.norms[-1].weight)
        torch.nn.init.zeros_(layer.norms[-1].bias)
    first = transformer.grouping_modules[0]
    for module in transformer.grouping_modules:
        module.load_state_dict(first.state_dict())
    outputs = transformer(*make_tokens())
    for output in outputs[1:]:
        assert_equal(output, outputs[0])


def test_dropout_is_in_the_encoder_only():
    transformer = GroupingTransformer(
        **SETTINGS, dropout=0.5, group_before_encoder=True
    )
    transformer.train()
    tokens = make_tokens()
    (before, after, _), (same, other, _) = transformer(*tokens), transformer(*tokens)
    assert_equal(same, before)
    assert (other.center - after.center).abs().max() > 1e-3


# Where an encoder layer drops: the module, and the name of its probability.
DROPOUTS = {
    'attention weights': ('self_attn.attn', 'dropout'),
    'what attention adds': ('self_attn.dropout_layer', 'p'),
    'hidden layer': ('ffn.layers.0.2', 'p'),
    'what the hidden layer adds': ('ffn.layers.2', 'p'),
}
dropouts = pytest.mark.parametrize('place', DROPOUTS)


@dropouts
def test_dropout_is_at_every_place_of_every_layer(place):
    path, name = DROPOUTS[place]
    for layer in GroupingTransformer(**SETTINGS, dropout=0.3).encoder:
        assert getattr(layer.get_submodule(path), name) == 0.3


@dropouts
def test_dropout_acts_at_each_place(place):
    transformer = GroupingTransformer(**SETTINGS, dropout=0.0).train()
    tokens = make_tokens()
    assert_equal(transformer(*tokens)[-1], transformer(*tokens)[-1])
    path, name = DROPOUTS[place]
    setattr(transformer.encoder[0].get_submodule(path), name, 0.5)
    (one, *_), (other, *_) = transformer(*tokens), transformer(*tokens)
    assert (one.center - other.center).abs().max() > 1e-3


def test_linear_layers_begin_as_xavier_says():
    """Uniform within sqrt(6 / (in + out)), biases zero."""
    transformer = GroupingTransformer(K)
    transformer.init_weights()
    linear = {
        name: module
        for name, module in transformer.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    parts = {name.split('.')[0] for name in linear}
    assert parts == {'initial_mlp', 'position_linear', 'encoder', 'grouping_modules'}
    for name, layer in linear.items():
        bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
        assert not layer.bias.any(), name
        assert layer.weight.abs().max() <= bound, name
        if layer.weight.numel() > 10_000:
            assert layer.weight.abs().max() > 0.99 * bound, name
            spread = layer.weight.std().item()
            assert spread == pytest.approx(bound / 3**0.5, rel=0.05), name


@variants
@torch.no_grad()
def test_compiled_agrees_with_eager(variant):
    torch.manual_seed(0)
    eager = make(**variant)
    compiled = make(**variant, compile_options=dict(backend='aot_eager'))
    compiled.load_state_dict(eager.state_dict())
    for _ in range(2):
        tokens = make_tokens()
        (expected,) = eager(*tokens, last_only=True)
        (found,) = compiled(*tokens, last_only=True)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_copy_of_a_compiled_one_has_weights_of_its_own():
    compiled = make(compile_options=dict(backend='aot_eager'))
    tokens = make_tokens()
    (before,) = compiled(*tokens, last_only=True)
    other = copy.deepcopy(compiled)
    for parameter in other.parameters():
        parameter.mul_(0.5)
    (changed,) = other(*tokens, last_only=True)
    (after,) = compiled(*tokens, last_only=True)
    assert torch.equal(before.visibility, after.visibility)
    assert not torch.allclose(changed.visibility, after.visibility)


@torch.no_grad()
@pytest.mark.parametrize('called_before', [False, True])
def test_a_compiled_one_can_be_pickled(called_before):
    """As saving a model whole and sending it to another process do."""
    compiled = make(compile_options=dict(backend='aot_eager'))
    tokens = make_tokens()
    if called_before:
        compiled(*tokens, last_only=True)
    other = pickle.loads(pickle.dumps(compiled))
    (expected,) = compiled(*tokens, last_only=True)
    (found,) = other(*tokens, last_only=True)
    assert other._compiled is not None
    assert_equal(found, expected)


def test_self_attention_asks_for_no_weights():
    """Torch's fused attention says the same as the one that returns its weights."""
    attention = make().encoder[0].self_attn.attn
    query, value = torch.randn(2, N, B, D)
    dropped = torch.zeros(B, N, dtype=torch.bool)
    dropped[0, 3:5] = True
    fused, weights = attention(query, query, value, key_padding_mask=dropped)
    assert weights is None
    attention._forward_pre_hooks.clear()
    plain, weights = attention(query, query, value, key_padding_mask=dropped)
    assert weights is not None
    torch.testing.assert_close(fused, plain, rtol=1e-5, atol=1e-6)
