# SPDX-License-Identifier: Apache-2.0
"""Losses of the whole model: always finite, and a gradient for every weight."""

import pytest
import torch

from .variants import ASSIGN_ALL, CROWD_TRAINING, RELEASED

VARIANTS = {
    'paper': {},
    'released': RELEASED | {'head.grouping_loss.oks_gate': 0.5},
    'crowds': CROWD_TRAINING,
}
LOSSES = {'loss_heatmap', 'loss_center', 'loss_visibility', 'loss_location'}


@pytest.fixture
def compute_losses(make_images):
    """Losses of a batch of samples with random images, and their sum."""

    def compute(model, samples):
        images = make_images(*[tuple(s.metainfo['input_size']) for s in samples])
        data = model.data_preprocessor(
            {'inputs': images, 'data_samples': samples}, True
        )
        losses = model(**data, mode='loss')
        return losses, model.parse_losses(losses)[0]

    return compute


def check_gradients(model):
    missing = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
        and (parameter.grad is None or not torch.isfinite(parameter.grad).all())
    ]
    assert not missing


def empty_heatmaps(model):
    for layer in model.head.detector.final_layers:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)


def test_two_images_with_all_that_crowds_need(
    build, make_sample, compute_losses, people
):
    model = build(CROWD_TRAINING | ASSIGN_ALL).train()
    losses, total = compute_losses(model, [make_sample(people), make_sample()])
    assert {name for name in losses if 'loss' in name} == LOSSES | {'loss_oks'}
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert losses['loss_oks'] > 0
    total.backward()
    check_gradients(model)


@pytest.mark.parametrize('gate', [None, 0.5])
def test_two_images_one_without_people(
    build, make_sample, compute_losses, people, gate
):
    model = build({'head.grouping_loss.oks_gate': gate}).train()
    losses, total = compute_losses(model, [make_sample(people), make_sample()])
    assert {name for name in losses if 'loss' in name} == LOSSES
    by_stage = losses['heatmap_stage1'] + losses['heatmap_stage2']
    torch.testing.assert_close(by_stage, losses['loss_heatmap'].detach())
    assert all(torch.isfinite(loss) for loss in losses.values())
    total.backward()
    check_gradients(model)


@pytest.mark.parametrize('variant', ['paper', 'released', 'crowds'])
@pytest.mark.parametrize('case', ['nobody', 'nothing visible', 'all crowd', 'blank'])
def test_nothing_to_learn_is_finite_with_all_gradients(
    build, make_sample, compute_losses, people, case, variant
):
    """Every weight has a gradient on a device whose images hold nothing."""
    model = build(VARIANTS[variant]).train()
    sample = {
        'nobody': lambda: make_sample(),
        'nothing visible': lambda: make_sample(people, visible=torch.zeros(2, 5)),
        'all crowd': lambda: make_sample(people, ignored=[[0, 0, 64, 64]]),
        'blank': lambda: make_sample(people),
    }[case]()
    if case == 'blank':
        empty_heatmaps(model)
    losses, total = compute_losses(model, [sample])
    assert losses['matched'] == losses['loss_location'] == 0
    assert losses['loss_visibility'] == 0
    if case == 'all crowd':
        assert losses['loss_heatmap'] == losses['loss_center'] == 0
    total.backward()
    check_gradients(model)


def test_training_uses_the_mask_of_supervision_for_centers(
    build, make_sample, compute_losses
):
    """Centers in a crowd are no negatives; outside of it they are."""
    model = build()
    whole, _ = compute_losses(model, [make_sample()])
    crowd, _ = compute_losses(model, [make_sample(ignored=[[0, 0, 64, 64]])])
    assert whole['loss_center'] > 0
    assert crowd['loss_center'] == 0


def test_candidates_pass_no_gradient_to_the_heatmaps(
    build, make_sample, compute_losses, people
):
    """Only the heatmap loss trains the layers that end in heatmaps."""
    model = build().train()
    losses, _ = compute_losses(model, [make_sample(people)])
    grouping = sum(losses[name] for name in LOSSES - {'loss_heatmap'})
    grouping.backward()
    assert all(p.grad is None for p in model.head.detector.parameters())
    assert any(p.grad.abs().max() > 0 for p in model.backbone.stage4.parameters())


def test_half_precision_keeps_the_losses_in_single(
    build, make_sample, compute_losses, people
):
    model = build()
    expected, _ = compute_losses(model, [make_sample(people)])
    with torch.autocast('cpu', torch.bfloat16):
        losses, total = compute_losses(model, [make_sample(people)])
    total.backward()
    check_gradients(model)
    for name in LOSSES:
        assert losses[name].dtype == torch.float32
    torch.testing.assert_close(
        losses['loss_heatmap'], expected['loss_heatmap'], rtol=0.05, atol=0
    )


def test_a_few_steps_lower_the_loss(build, make_sample, compute_losses, people):
    model = build().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    totals = []
    for _ in range(12):
        _, total = compute_losses(model, [make_sample(people)])
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.5 * totals[0]


class TestFrozenNorms:
    @staticmethod
    def norms(model):
        """Weights and statistics of batch norms by name: detector's, others'."""
        detector, others = {}, {}
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                part = others if name.startswith('head.tokenizer') else detector
                part[name] = {k: v.clone() for k, v in module.state_dict().items()}
        return detector, others

    def step(self, model, compute_losses, sample):
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(parameters, lr=0.1)
        compute_losses(model, [sample])[1].backward()
        optimizer.step()

    @pytest.mark.parametrize('frozen', [True, False])
    def test_detector_norms_stay_and_the_residual_cnns_train(
        self, build, make_sample, compute_losses, people, frozen
    ):
        model = build({'freeze_detector_bn': frozen}).train()
        before = self.norms(model)
        self.step(model, compute_losses, make_sample(people))
        detector, others = self.norms(model)
        assert any(name.startswith('head.detector') for name in detector)
        assert any(name.startswith('backbone') for name in detector)
        for name in ('running_mean', 'weight'):
            same = [
                torch.equal(now[name], before[0][key][name])
                for key, now in detector.items()
            ]
            assert all(same) if frozen else not any(same)
            for key, now in others.items():
                assert not torch.equal(now[name], before[1][key][name]), key

    def test_evaluation_and_back_keeps_them_frozen(self, build):
        model = build({'freeze_detector_bn': True})
        for mode in (True, False, True):
            model.train(mode)
        assert not model.backbone.bn1.training
        assert not model.head.detector.deconv[1].training
        assert model.head.tokenizer.keypoint_cnn.project[1].training
        assert model.backbone.training

    def test_frozen_without_a_detector_is_an_error(
        self, build, make_sample, compute_losses, people
    ):
        model = build({'freeze_detector_bn': True}, trained=False).train()
        with pytest.raises(RuntimeError, match=r'load_from=.*freeze_detector_bn=False'):
            compute_losses(model, [make_sample(people)])
        model.load_state_dict(build().state_dict())
        compute_losses(model, [make_sample(people)])

    @pytest.mark.parametrize('part', ['backbone.stage4', 'head.detector.blocks'])
    def test_a_part_of_the_detector_is_not_enough(
        self, build, make_sample, compute_losses, people, part
    ):
        """As a file leaves it that fits a part only, which the host just logs."""
        model = build({'freeze_detector_bn': True}).train()
        for module in model.get_submodule(part).modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.reset_running_stats()
        with pytest.raises(RuntimeError, match='initial statistics'):
            compute_losses(model, [make_sample(people)])
