# A CenterGroup small enough to learn on two CPU cores: a narrow HRNet at 192 px on the
# synthetic crowd of tools/make_crowd.py. Detector and grouping are trained together
# from scratch, hence the large weight of the heatmaps: without a trained detector there
# is little to group, and the gradients of the grouping would drown theirs.
_base_ = ['centergroup_w32.py']

input_size = (192, 192)
# Windows and numbers of candidates fit the small images.
codec = dict(input_size=input_size, num_candidates=12, num_centers=12, center_kernel=7)

model = dict(
    freeze_detector_bn=False,
    channels_last=True,
    backbone=dict(
        extra=dict(
            stage1=dict(num_blocks=(1,), num_channels=(16,)),
            stage2=dict(num_blocks=(1, 1), num_channels=(16, 32)),
            stage3=dict(num_modules=1, num_blocks=(1, 1, 1), num_channels=(16, 32, 64)),
            stage4=dict(
                num_modules=1, num_blocks=(1, 1, 1, 1), num_channels=(16, 32, 64, 128)
            ),
        ),
        init_cfg=None,
    ),
    head=dict(
        in_channels=16,
        decoder=codec,
        detector=dict(num_blocks=1),
        heatmap_loss=dict(loss_weight=500.0),
        tokenizer=dict(num_blocks=1),
        grouping=dict(
            embed_dims=48, head_dims=32, feedforward_channels=192, dropout=0.0
        ),
    ),
)

data_root = 'data/crowd/'
train_pipeline = [
    dict(type='LoadColorImage'),
    dict(
        type='BottomupSquareAffine',
        input_size=input_size,
        scale_factor=(0.9, 1.1),
        shift_factor=0.05,
        rotate_factor=0,
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='GenerateTarget', encoder=dict(type='CenterHeatmap', **codec)),
    dict(type='BottomupInputMasks'),
    dict(type='PackCenterGroupInputs'),
]
val_pipeline = [
    dict(type='LoadColorImage'),
    dict(
        type='BottomupAlignedResize',
        input_size=input_size,
        size_factor=64,
        resize_mode='expand',
    ),
    dict(type='PackCenterGroupInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    pin_memory=False,
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/train.json',
        data_prefix=dict(img='train/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/val.json',
        data_prefix=dict(img='val/'),
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader

max_iters = 2000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=3e-3),
    clip_grad=dict(max_norm=5, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=100,
        end=max_iters,
        T_max=max_iters - 100,
        eta_min_ratio=0.01,
        by_epoch=False,
    ),
]
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(interval=500, max_keep_ckpts=1),
    # progress/iter_N.jpg: the most crowded held-out images, while the training runs.
    progress_pictures=dict(
        type='ProgressPicturesHook', iterations=[1, 50, 100, 200, 400, 800, 1200, 1600]
    ),
)
