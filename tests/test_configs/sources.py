# SPDX-License-Identifier: Apache-2.0
"""What the sources state about the configs, and where they state it.

Not a second copy of the configs: a value that no source states is not here. "seed" is
the paper's supplementary material, "SPEC" the specification written from it and from
the authors' implementation, both by section; "host" is MMPose's config
``ae_hrnet-w32_8xb24-300e_coco-512x512``, for what HigherHRNet's recipe leaves open.
"""

from typing import Any, NamedTuple

PAPER = ('centergroup_w32', 'centergroup_w48', 'centergroup_w48_crowdpose')
RELEASED = tuple(f'{name}_released' for name in PAPER)
CENTERGROUP = PAPER + RELEASED
PLAIN = ('higherhrnet_w32', 'higherhrnet_w48', 'higherhrnet_w48_crowdpose')
WITH_CENTER = tuple(f'{name}_center' for name in PLAIN)
DETECTOR = PLAIN + WITH_CENTER
CENTERNET = ('centernet_w32', 'centernet_w48', 'centernet_w48_crowdpose')
BASELINE = DETECTOR + CENTERNET
ALL = CENTERGROUP + BASELINE

W32 = tuple(name for name in ALL if '_w32' in name)
W48 = tuple(name for name in ALL if '_w48' in name)
CROWDPOSE = tuple(name for name in ALL if 'crowdpose' in name)
COCO = tuple(name for name in ALL if 'crowdpose' not in name)


class Value(NamedTuple):
    """A value, by its path in :class:`Built`."""

    configs: tuple[str, ...]
    path: str
    value: Any
    source: str


# Where things are.
HEAD, GROUPING = 'model.head', 'model.head.grouping'
LAYERS = f'{GROUPING}.encoder.*'
CROP, RESIZE = 'train.BottomupSquareAffine', 'test.BottomupAlignedResize'
ENCODER = 'train.GenerateTarget.encoder'
TRAIN_DATA = 'config.train_dataloader.dataset'
TEST_DATA = 'config.test_dataloader.dataset'

VALUES = [
    # Data.
    Value(COCO, f'{HEAD}.num_keypoints', 17, 'SPEC, letters: 17 COCO, 14 CrowdPose'),
    Value(CROWDPOSE, f'{HEAD}.num_keypoints', 14, 'SPEC, letters'),
    Value(COCO, f'{TRAIN_DATA}.type', 'CenterGroupCocoDataset', 'seed 3.1: COCO'),
    Value(COCO, f'{TEST_DATA}.type', 'CenterGroupCocoDataset', 'SPEC 7: COCO val'),
    Value(
        COCO,
        f'{TEST_DATA}.ann_file',
        'annotations/person_keypoints_val2017.json',
        'SPEC 7: COCO val',
    ),
    Value(
        CROWDPOSE,
        f'{TRAIN_DATA}.type',
        'CenterGroupCrowdPoseDataset',
        'seed 3.1: CrowdPose',
    ),
    Value(
        CROWDPOSE,
        f'{TEST_DATA}.type',
        'CenterGroupCrowdPoseDataset',
        'SPEC 7: CrowdPose test',
    ),
    Value(
        CROWDPOSE,
        f'{TEST_DATA}.ann_file',
        'annotations/mmpose_crowdpose_test.json',
        'SPEC 7: CrowdPose test',
    ),
    # Augmentation. "For data augmentation, we use the same techniques as" HigherHRNet.
    Value(W32, f'{CROP}.input_size', (512, 512), 'seed 3.1: 512x512 with HRNet32'),
    Value(W48, f'{CROP}.input_size', (640, 640), 'seed 3.1: 640x640 with HRNet48'),
    Value(
        ALL, f'{CROP}.scale_factor', (0.75, 1.5), 'SPEC 5: short side x U(0.75, 1.5)'
    ),
    Value(ALL, f'{CROP}.shift_factor', 0.2, 'SPEC 5: up to 20 % of the crop side'),
    Value(PAPER, f'{CROP}.rotate_factor', 30, 'SPEC 5: U(-30, 30), seed 3.1: rotation'),
    Value(BASELINE, f'{CROP}.rotate_factor', 30, 'SPEC 5: detector pre-training'),
    Value(RELEASED, f'{CROP}.rotate_factor', 0, 'SPEC 5: released: none'),
    Value(ALL, 'train.RandomFlip.prob', 0.5, 'SPEC 5: horizontal flip 0.5'),
    # Targets.
    Value(ALL, f'{ENCODER}.sigma', 2, 'SPEC 1: sigma 2 at each resolution'),
    Value(ALL, f'{ENCODER}.downscales', (4, 2), 'SPEC 1: maps at 1/4 and 1/2'),
    # Inference.
    Value(W32, f'{RESIZE}.input_size', (512, 512), 'seed 3.2: shorter side 512'),
    Value(W48, f'{RESIZE}.input_size', (640, 640), 'seed 3.2: 640 with HRNet48'),
    Value(ALL, f'{RESIZE}.size_factor', 64, 'SPEC 6: ceil64'),
    Value(ALL, f'{RESIZE}.resize_mode', 'expand', 'seed 3.2: the shorter side'),
    Value(ALL, 'config.model.test_cfg.flip_test', True, 'seed 3.2: with flip-testing'),
    Value(ALL, 'config.model.test_cfg.score_thr', 0, 'SPEC 6: no score threshold'),
    Value(ALL, 'config.test_evaluator.nms_mode', 'none', 'SPEC 6: no pose NMS'),
    Value(ALL, 'config.test_evaluator.score_mode', 'bbox', 'SPEC 6: evaluation'),
    Value(
        ALL,
        'config.model.data_preprocessor.mean',
        (123.675, 116.28, 103.53),
        'SPEC 6: ImageNet mean, RGB',
    ),
    Value(
        ALL,
        'config.model.data_preprocessor.std',
        (58.395, 57.12, 57.375),
        'SPEC 6: ImageNet std, RGB',
    ),
    Value(ALL, 'config.model.data_preprocessor.bgr_to_rgb', True, 'SPEC 6: RGB'),
    # Candidates.
    Value(CENTERGROUP, f'{HEAD}.decoder.num_candidates', 30, 'SPEC, letters: M = 30'),
    Value(CENTERGROUP, f'{HEAD}.decoder.num_centers', 30, 'SPEC, letters: P = 30'),
    Value(CENTERGROUP, f'{HEAD}.decoder.keypoint_kernel', 5, 'seed 3.2: 5x5'),
    Value(CENTERGROUP, f'{HEAD}.decoder.center_kernel', 17, 'seed 3.2: 17x17'),
    Value(PAPER, f'{HEAD}.decoder.score_floor', 0.01, 'seed 3.2: score over 0.01'),
    Value(PAPER, f'{HEAD}.decoder.min_candidates', 5, 'seed 3.2: within the top-5'),
    Value(RELEASED, f'{HEAD}.decoder.score_floor', 0.005, 'SPEC 2: released'),
    Value(RELEASED, f'{HEAD}.decoder.min_candidates', 3, 'SPEC 2: released'),
    # Tokens, encoder, grouping.
    Value(
        CENTERGROUP,
        f'{HEAD}.tokenizer.keypoint_cnn.blocks.len()',
        2,
        'SPEC 3: two BasicBlocks',
    ),
    Value(PAPER, f'{HEAD}.tokenizer.center_cnn', None, 'SPEC 3: paper: one CNN'),
    Value(
        RELEASED,
        f'{HEAD}.tokenizer.center_cnn.blocks.len()',
        2,
        'SPEC 3: released: one more for centers',
    ),
    Value(CENTERGROUP, f'{GROUPING}.embed_dims', 128, 'seed 3.3: input dimension 128'),
    Value(CENTERGROUP, f'{GROUPING}.encoder.len()', 3, 'seed 3.3: 3 blocks'),
    Value(CENTERGROUP, f'{LAYERS}.self_attn.attn.num_heads', 4, 'seed 3.3: 4 heads'),
    Value(
        CENTERGROUP, f'{LAYERS}.ffn.feedforward_channels', 512, 'seed 3.3: hidden 512'
    ),
    Value(CENTERGROUP, f'{LAYERS}.self_attn.attn.dropout', 0.1, 'SPEC 4: dropout 0.1'),
    Value(
        CENTERGROUP,
        f'{LAYERS}.self_attn.dropout_layer.p',
        0.1,
        'SPEC 4: dropout 0.1',
    ),
    Value(CENTERGROUP, f'{LAYERS}.ffn.layers.0.2.p', 0.1, 'SPEC 4: dropout 0.1'),
    Value(
        CENTERGROUP,
        f'{GROUPING}.grouping_modules.*.attention.scale',
        64**-0.5,
        'SPEC 4: logits scaled by d^-1/2, d = 64',
    ),
    Value(PAPER, f'{GROUPING}.encoder_skip', False, 'SPEC 4: paper: the plain layer'),
    Value(RELEASED, f'{GROUPING}.encoder_skip', True, 'SPEC 4: released: a skip'),
    Value(
        PAPER,
        f'{GROUPING}.grouping_modules.len()',
        3,
        'seed 3.1: at the output of every encoder block',
    ),
    Value(
        RELEASED,
        f'{GROUPING}.grouping_modules.len()',
        4,
        'SPEC 4: released: one more before the encoder',
    ),
    Value(
        RELEASED, f'{GROUPING}.group_before_encoder', True, 'SPEC 4: before the encoder'
    ),
    Value(PAPER, f'{HEAD}.score.min_keypoints', 0, 'seed 3.2, equation 3'),
    Value(RELEASED, f'{HEAD}.score.min_keypoints', 5, 'SPEC 6: 5th largest'),
    # Training targets and losses.
    Value(
        PAPER,
        f'{HEAD}.assigner.__class__.__name__',
        'HungarianCenterAssigner',
        'seed 2: hungarian algorithm',
    ),
    Value(PAPER, f'{HEAD}.assigner.deviation', 0.15, 'seed 2: k = 0.15'),
    Value(PAPER, f'{HEAD}.assigner.max_cost', 0.5, 'seed 2, as SPEC 5 reads it'),
    Value(
        RELEASED,
        f'{HEAD}.assigner.__class__.__name__',
        'GreedyCenterAssigner',
        'SPEC 5: released: greedy',
    ),
    Value(RELEASED, f'{HEAD}.assigner.deviation', 0.3, 'SPEC 5: (2 x 0.15)^2'),
    Value(RELEASED, f'{HEAD}.assigner.max_cost', 0.8, 'SPEC 5: cost > 0.8 forbidden'),
    Value(CENTERGROUP, f'{HEAD}.heatmap_loss.loss_weight', 10, 'seed 3.1: factor 10'),
    Value(CENTERGROUP, f'{HEAD}.grouping_loss.center_weight', 1, 'seed 3.1: factor 1'),
    Value(
        CENTERGROUP, f'{HEAD}.grouping_loss.visibility_weight', 1, 'seed 3.1: factor 1'
    ),
    Value(
        CENTERGROUP, f'{HEAD}.grouping_loss.location_weight', 0.02, 'seed 3.1: by 0.02'
    ),
    Value(PAPER, f'{HEAD}.grouping_loss.oks_gate', None, 'SPEC 5: paper: off'),
    Value(RELEASED, f'{HEAD}.grouping_loss.oks_gate', 0.5, 'SPEC 5: released: on, 0.5'),
    Value(CENTERGROUP, 'model.freeze_detector_bn', True, 'SPEC 1: "frozen" BN'),
    # The detector and HigherHRNet.
    Value(WITH_CENTER, f'{HEAD}.with_center', True, 'SPEC 1: with the extra type'),
    Value(PLAIN, f'{HEAD}.with_center', False, "HigherHRNet's own"),
    Value(DETECTOR, f'{HEAD}.heatmap_loss.loss_weight', 1, 'SPEC 1: heatmap MSE'),
    Value(DETECTOR, f'{HEAD}.tag_loss.loss_weight', 1e-3, 'SPEC 1: 1e-3 each'),
    Value(DETECTOR, f'{HEAD}.tag_loss.push_loss_factor', 0.5, 'host'),
    Value(DETECTOR, f'{HEAD}.decoder.decode_topk', 30, 'host'),
    Value(DETECTOR, f'{HEAD}.decoder.decode_max_instances', 30, 'host'),
    Value(DETECTOR, f'{HEAD}.decoder.decode_center_shift', 0.5, 'host'),
    Value(DETECTOR, f'{HEAD}.decoder.decode_nms_kernel', 5, 'host'),
    Value(DETECTOR, f'{HEAD}.decoder.decode_keypoint_thr', 0.1, 'host'),
    Value(DETECTOR, f'{HEAD}.decoder.decode_tag_thr', 1.0, 'host'),
    # CenterNet.
    Value(
        CENTERNET,
        f'{HEAD}.min_peak_score',
        0.1,
        '"Objects as Points" 4.2: confidence > 0.1',
    ),
    # Optimizer. Rates are in SCHEDULES.
    Value(ALL, 'config.optim_wrapper.optimizer.type', 'Adam', 'seed 3.1, SPEC 1: Adam'),
    Value(
        CENTERGROUP,
        'config.optim_wrapper.type',
        'AmpOptimWrapper',
        'seed 3.1: automatic mixed precision',
    ),
    Value(
        BASELINE,
        'config.optim_wrapper.type',
        'OptimWrapper',
        'SPEC 1: single precision; seed 3.1: associative embedding diverges otherwise',
    ),
    Value(
        CENTERGROUP,
        'config.optim_wrapper.clip_grad.max_norm',
        1,
        'SPEC 5: gradient norm clipped to 1',
    ),
    Value(
        BASELINE, 'config.auto_scale_lr.base_batch_size', 192, 'SPEC 1: 1.5e-3 at 192'
    ),
]


class Parameters(NamedTuple):
    """Number of parameters of a part, exact."""

    configs: tuple[str, ...]
    part: str
    count: int
    source: str


def _common(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in groups[0] if all(name in g for g in groups[1:]))


PARAMETERS = [
    Parameters(W32, 'backbone', 28_535_552, 'SPEC 7'),
    Parameters(W48, 'backbone', 63_594_912, 'SPEC 7'),
    Parameters(_common(CENTERGROUP, W32), 'head.detector', 110_902, 'SPEC 7'),
    Parameters(_common(CENTERGROUP, W48, COCO), 'head.detector', 233_910, 'SPEC 7'),
    Parameters(('centergroup_w32_released',), '', 32_465_982, 'SPEC 7'),
    Parameters(('centergroup_w48_released',), '', 67_652_446, 'SPEC 7'),
    Parameters(('centergroup_w48_crowdpose_released',), '', 67_349_797, 'SPEC 7'),
]


class Schedule(NamedTuple):
    """How long is trained, and how fast.

    Attributes:
        configs: Their names.
        images: Images in the training set.
        epochs: Length in passes over them.
        epochs_tolerance: How exactly the source states it, in epochs.
        batch: Images per iteration, all GPUs together.
        gpus: GPUs that the config's batch is meant for.
        rates: Learning rate by the beginning of a parameter's name, longest first.
        warm_up: Iterations until the full rate, linearly from nearly nothing.
        steps: Iterations at which all rates fall to a tenth.
        step_tolerance: How exactly the source states them, in iterations.
        source: Where it stands.
        length: Iterations, where the source states them.
    """

    configs: tuple[str, ...]
    images: int
    epochs: float
    epochs_tolerance: float
    batch: int
    gpus: int
    rates: dict[str, float]
    warm_up: int
    steps: tuple[float, float]
    step_tolerance: int
    source: str
    length: int | None = None


# Images with people in train2017, as HigherHRNet counts them; CrowdPose's 10,000 of
# train and 2,000 of val. The images of which the seed says "approximately 50 epochs on
# COCO, and 270 epochs on CrowdPose" would be 70,200 and 13,000.
COCO_IMAGES, CROWDPOSE_IMAGES = 64_115, 12_000
_CENTERGROUP_SCHEDULE = dict(
    batch=130,
    gpus=4,
    rates={'backbone': 1e-5, 'head.detector': 1e-5, 'head': 3e-4},
    warm_up=1000,
    steps=(10_000, 20_000),
    step_tolerance=0,
    length=27_000,
    source='seed 3.1, SPEC 5',
)


def _detector_schedule(images: int) -> dict:
    """HigherHRNet's: 300 epochs, steps at 200 and 260."""
    return dict(
        images=images,
        epochs=300,
        epochs_tolerance=1,
        batch=192,
        gpus=8,
        rates={'': 1.5e-3},
        warm_up=500,
        steps=(200 * images / 192, 260 * images / 192),
        step_tolerance=images // 192,
        source='SPEC 1; the warm-up: host',
    )


SCHEDULES = [
    Schedule(
        _common(CENTERGROUP, COCO),
        images=COCO_IMAGES,
        epochs=50,
        epochs_tolerance=6,
        **_CENTERGROUP_SCHEDULE,
    ),
    Schedule(
        _common(CENTERGROUP, CROWDPOSE),
        images=CROWDPOSE_IMAGES,
        epochs=270,
        epochs_tolerance=30,
        **_CENTERGROUP_SCHEDULE,
    ),
    Schedule(_common(BASELINE, COCO), **_detector_schedule(COCO_IMAGES)),
    Schedule(_common(BASELINE, CROWDPOSE), **_detector_schedule(CROWDPOSE_IMAGES)),
]
