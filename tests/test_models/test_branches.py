# SPDX-License-Identifier: Apache-2.0
"""Tokens that read all branches of the backbone at their candidates."""

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

from centergroup_mm.models import CandidateTokenizer
from centergroup_mm.structures import Candidates

from .predictions import poses_of, predict

WIDTHS = (8, 8, 16, 16)
FLIP_INDICES = [0, 2, 1, 4, 3]
READ = {'head.tokenizer.branches': WIDTHS}
BRANCHES = {**READ, 'backbone.type': 'HRNetWithBranches'}
NETWORKS = {
    'branches': BRANCHES,
    'fused': {**READ, 'backbone.extra.stage4.multiscale_output': True},
    'no blocks': {**BRANCHES, 'head.tokenizer.num_blocks': 0},
    'two CNNs': {**BRANCHES, 'head.tokenizer.shared_cnn': False},
}
each_network = pytest.mark.parametrize('network', NETWORKS)


@pytest.fixture
def build_reading(build):
    """Build the small model, its tokens made of branches for the most part."""

    def make(settings=None, **arguments):
        model = build(settings, **arguments)
        torch.nn.init.normal_(model.head.tokenizer.branch_linear.weight)
        return model

    return make


def assert_same(prediction, expected, atol=1e-3):
    assert len(expected) > 0
    for one, two in zip(poses_of(prediction), poses_of(expected), strict=True):
        np.testing.assert_allclose(one, two, atol=atol)


class TestBackbone:
    @pytest.fixture
    def build_backbone(self, small_config):
        def make(kind):
            torch.manual_seed(0)
            config = dict(small_config.backbone.to_dict(), type=kind)
            with DefaultScope.overwrite_default_scope('mmpose'):
                backbone = MODELS.build(config)
            # The host's returns nothing.
            backbone.eval()
            return backbone

        return make

    def test_is_an_hrnet_that_gives_more(self, build_backbone):
        """Weights of one are weights of the other, and so is the finest map."""
        plain, backbone = (build_backbone(k) for k in ('HRNet', 'HRNetWithBranches'))
        assert list(backbone.state_dict()) == list(plain.state_dict())
        branches = {}
        for index, branch in enumerate(backbone.stage4[-1].branches):
            branch.register_forward_hook(
                lambda module, args, output, index=index: branches.update(
                    {index: output}
                )
            )
        images = torch.randn(2, 3, 64, 96)
        with torch.no_grad():
            (finest,), maps = plain(images), backbone(images)
        assert torch.equal(maps[0], finest)
        assert not torch.equal(maps[0], branches[0]), 'it is fused'
        for index in (1, 2, 3):
            assert torch.equal(maps[index], branches[index])
        assert [(m.shape[1], m.shape[2]) for m in maps] == [
            *zip(WIDTHS, (16, 8, 4, 2), strict=True)
        ]

    def test_starts_from_the_detector_of_an_hrnet(
        self, build, make_images, make_sample
    ):
        detector = {
            key: weight
            for key, weight in build().state_dict().items()
            if key.startswith(('backbone.', 'head.detector.'))
        }
        for blocks in (0, 1):
            model = build(
                {**BRANCHES, 'head.tokenizer.num_blocks': blocks}, trained=False
            )
            model.load_state_dict(detector, strict=False)
            for key, weight in detector.items():
                assert torch.equal(model.state_dict()[key], weight), key
            with pytest.raises(RuntimeError, match='grouping is random'):
                predict(model, make_images((64, 64)), [make_sample()])

    def test_the_paper_has_no_weights_of_it(self, build):
        own = set(build(BRANCHES).state_dict()) - set(build().state_dict())
        linear = 'head.tokenizer.branch_linear.'
        assert own == {f'{linear}weight', f'{linear}bias'}


class TestTokens:
    """Without an image: maps by hand, read at candidates by hand."""

    SIZE = (128, 64)
    K, M, P, D = 2, 3, 4, 8

    @pytest.fixture
    def inputs(self):
        """Candidates away from the border, and the mask."""

        def candidates(types, num):
            x = torch.randint(16, self.SIZE[0] - 16, (2, types, num))
            y = torch.randint(16, self.SIZE[1] - 16, (2, types, num))
            scores = torch.rand(2, types, num)
            return Candidates(torch.stack((x, y), -1), scores, scores > -1)

        mask = torch.ones(2, self.SIZE[1] // 4, self.SIZE[0] // 4, dtype=torch.bool)
        return candidates(self.K, self.M), candidates(1, self.P), mask

    def maps(self, *channels):
        """Noise at 1/4, 1/8, ..."""
        width, height = self.SIZE
        return [
            torch.randn(2, c, height // (4 << level), width // (4 << level))
            for level, c in enumerate(channels)
        ]

    def places(self):
        """Maps at 1/4 to 1/32 that tell at each pixel where in the input it lies."""
        maps = []
        for stride in (4, 8, 16, 32):
            x, y = (
                (torch.arange(side // stride) + 0.5) * stride - 0.5
                for side in self.SIZE
            )
            grid = torch.stack(torch.meshgrid(x, y, indexing='xy'))
            maps.append(grid.expand(2, -1, -1, -1))
        return maps

    def build(self, branches, **arguments):
        tokenizer = CandidateTokenizer(
            branches[0], self.D, branches=branches, patches=False, **arguments
        )
        return tokenizer.eval()

    def test_a_token_gets_all_branches_at_its_candidate(self, inputs):
        """Each branch has two entries of its own in a token; all say the same place."""
        keypoints, centers, mask = inputs
        tokenizer = self.build((2, 2, 2, 2))
        maps = self.places()
        plain = tokenizer([maps], keypoints, centers, mask, self.SIZE)
        torch.nn.init.eye_(tokenizer.branch_linear.weight)
        found = tokenizer([maps], keypoints, centers, mask, self.SIZE)
        for before, after in zip(plain, found, strict=True):
            read = (after.features - before.features).unflatten(-1, (4, 2))
            expected = after.coords[:, :, None].float().expand(-1, -1, 4, -1)
            torch.testing.assert_close(read, expected)

    def test_scales_are_blended_as_those_of_the_cnn(self, inputs):
        tokenizer = self.build((4, 6))
        torch.nn.init.normal_(tokenizer.branch_linear.weight)
        torch.nn.init.normal_(tokenizer.branch_linear.bias)
        fine, coarse = self.maps(4, 6)
        scales = [[fine, coarse], [fine[..., ::2, ::2], coarse[..., ::2, ::2]]]
        several, _ = tokenizer(scales, *inputs, self.SIZE)
        one, other = (tokenizer([s], *inputs, self.SIZE)[0].features for s in scales)
        torch.testing.assert_close(several.features, 0.6 * one + 0.4 * other)

    @pytest.mark.parametrize('num_blocks', [0, 1])
    def test_permuting_candidates_permutes_tokens(self, inputs, num_blocks):
        keypoints, centers, mask = inputs
        tokenizer = self.build((4, 6, 8), num_blocks=num_blocks, scores=True)
        for layer in (tokenizer.branch_linear, tokenizer.score_linear):
            torch.nn.init.normal_(layer.weight)
        maps = self.maps(4, 6, 8)
        order = torch.tensor([2, 0, 1])
        permuted = Candidates(
            *(
                getattr(keypoints, name)[:, :, order]
                for name in ('coords', 'scores', 'valid')
            )
        )
        found, found_centers = tokenizer([maps], keypoints, centers, mask, self.SIZE)
        other, other_centers = tokenizer([maps], permuted, centers, mask, self.SIZE)
        expected = found.features.unflatten(1, (self.K, self.M))[:, :, order]
        torch.testing.assert_close(other.features, expected.flatten(1, 2))
        assert torch.equal(other_centers.features, found_centers.features)

    def test_begin_without_effect_and_learn(self, inputs):
        plain = self.build((4,), num_blocks=1)
        plain.branch_linear = None
        tokenizer = self.build((4, 6, 8), num_blocks=1)
        tokenizer.load_state_dict(plain.state_dict(), strict=False)
        maps = [branch.requires_grad_() for branch in self.maps(4, 6, 8)]
        found, _ = tokenizer([maps], *inputs, self.SIZE)
        expected, _ = plain([maps], *inputs, self.SIZE)
        assert torch.equal(found.features, expected.features)
        found.features.square().sum().backward()
        assert tokenizer.branch_linear.weight.grad.any(0).all()

    def test_gradients_reach_the_pixels_that_were_read(self, inputs):
        """Of every branch, at most four of each candidate."""
        tokenizer = self.build((4, 6, 8), num_blocks=0)
        torch.nn.init.normal_(tokenizer.branch_linear.weight)
        maps = [branch.requires_grad_() for branch in self.maps(4, 6, 8)]
        found, _ = tokenizer([maps], *inputs, self.SIZE)
        found.features[:, 1].sum().backward()
        for branch in maps:
            touched = branch.grad.any(1).flatten(1).sum(1)
            assert (touched >= 1).all() and (touched <= 4).all()

    @pytest.mark.parametrize('branches', [(4, 6, 8), (4, 6, 7)])
    def test_what_the_backbone_does_not_give_is_refused(self, inputs, branches):
        tokenizer = self.build(branches)
        maps = self.maps(4) if branches[-1] == 8 else self.maps(4, 6, 8)
        message = r'gives maps of \(4,.*branches=\(4, 6, .*HRNetWithBranches'
        with pytest.raises(ValueError, match=message):
            tokenizer([maps], *inputs, self.SIZE)

    def test_further_maps_are_left_alone(self, inputs):
        tokenizer = self.build((4, 6))
        torch.nn.init.normal_(tokenizer.branch_linear.weight)
        maps = self.maps(4, 6, 8)
        found, _ = tokenizer([maps], *inputs, self.SIZE)
        expected, _ = tokenizer([maps[:2]], *inputs, self.SIZE)
        assert torch.equal(found.features, expected.features)


def test_a_backbone_of_one_map_is_refused(build, make_images, make_sample):
    model = build(READ)
    with pytest.raises(ValueError, match=r'gives maps of \(8,\) channels'):
        predict(model, make_images((64, 64)), [make_sample()])


@each_network
def test_flip_test_of_the_mirrored_image_gives_mirrored_poses(
    build_reading, make_images, make_sample, network
):
    """With padding, which lies to the left of the mirrored image."""
    model = build_reading({**NETWORKS[network], 'test_cfg.flip_test': True})
    (image,) = make_images((128, 64))
    form = dict(size=(128, 64), image_size=(104, 64))
    (poses,) = predict(model, [image], [make_sample(**form)])
    sample = make_sample(**form)
    sample.set_metainfo(dict(input_center=np.array([40, 32])))
    (mirrored,) = predict(model, [image.flip(-1)], [sample])
    mirrored.keypoints = mirrored.keypoints[:, FLIP_INDICES] * [-1, 1] + [104, 0]
    mirrored.keypoint_scores = mirrored.keypoint_scores[:, FLIP_INDICES]
    assert_same(mirrored, poses)


@each_network
def test_batches_equal_single_images_in_tests_of_several_scales(
    build_reading, make_images, make_sample, network
):
    views = {'test_cfg.flip_test': True, 'test_cfg.multiscale_test': True}
    model = build_reading({**NETWORKS[network], **views})
    sizes = [(128, 128), (256, 128)]
    scales = [make_images(*sizes), make_images(*((w * 2, h * 2) for w, h in sizes))]
    samples = [make_sample(size=size) for size in sizes]
    for sample in samples:
        sample.set_metainfo(dict(aug_scales=[2]))
    together = predict(model, scales, samples)
    for index, poses in enumerate(together):
        alone = [scale[index : index + 1] for scale in scales]
        assert_same(predict(model, alone, samples[index : index + 1])[0], poses)


def test_channels_last_gives_the_same_poses(build_reading, make_images, make_sample):
    poses = [
        predict(
            build_reading({**BRANCHES, 'channels_last': by_pixel}),
            make_images((128, 64)),
            [make_sample(size=(128, 64))],
        )[0]
        for by_pixel in (False, True)
    ]
    assert_same(*poses)


@each_network
def test_frozen_detectors_train_on(
    build_reading, make_images, make_sample, people, network
):
    """Weights of all branches go on, statistics of their batch norms do not."""
    model = build_reading({**NETWORKS[network], 'freeze_detector_bn': True}).train()
    buffers = {k: b.clone() for k, b in model.backbone.named_buffers()}
    data = {'inputs': make_images((64, 64)), 'data_samples': [make_sample(people)]}
    losses = model(**model.data_preprocessor(data, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    for name, parameter in model.named_parameters():
        assert not parameter.requires_grad or parameter.grad is not None, name
    for key, buffer in model.backbone.named_buffers():
        assert torch.equal(buffer, buffers[key]), key
