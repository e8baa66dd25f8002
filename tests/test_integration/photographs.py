# The tiny model on the four COCO photographs that CENTERGROUP_TEST_DATA holds, to be
# learned by heart: no augmentation, every step sees all four.
_base_ = ['../../configs/centergroup_tiny.py']

# The short side of a test image becomes `side`; training crops hold the whole image at
# the same scale: crop / side = scale factor, which exceeds every aspect ratio here.
side = (128, 128)
crop = (224, 224)
scale = 224 / 128

train_pipeline = [
    dict(type='LoadColorImage'),
    dict(
        type='BottomupSquareAffine',
        input_size=crop,
        scale_factor=(scale, scale),
        shift_factor=0.0,
        rotate_factor=0.0,
    ),
    dict(type='GenerateTarget', encoder=dict(type='CenterHeatmap', input_size=crop)),
    dict(type='BottomupInputMasks'),
    dict(type='PackCenterGroupInputs'),
]
val_pipeline = [
    dict(type='LoadColorImage'),
    dict(type='BottomupAlignedResize', input_size=side, resize_mode='expand'),
    dict(type='PackCenterGroupInputs'),
]
photographs = dict(
    data_root='{{$CENTERGROUP_TEST_DATA:../shared}}/data/coco_mini/',
    ann_file='test_coco.json',
    data_prefix=dict(img=''),
)
train_dataloader = dict(
    batch_size=4, dataset=dict(**photographs, pipeline=train_pipeline)
)
val_dataloader = dict(batch_size=4, dataset=dict(**photographs, pipeline=val_pipeline))
test_dataloader = val_dataloader
# Wider than the config for the crowd, which is made for speed.
model = dict(
    backbone=dict(extra=dict(stage1=dict(num_channels=(32,)))),
    head=dict(
        decoder=dict(num_candidates=16, num_centers=16, center_kernel=17),
        # With dropout, for what is learned by heart is otherwise a blend of many
        # candidates whose mean is exact and whose largest is anything.
        grouping=dict(embed_dims=64, feedforward_channels=256, dropout=0.1),
    ),
    test_cfg=dict(flip_test=False),
)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
randomness = dict(seed=0)

max_iters = 600
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(
        type='MultiStepLR',
        begin=0,
        end=max_iters,
        milestones=[int(0.75 * max_iters)],
        gamma=0.1,
        by_epoch=False,
    ),
]
