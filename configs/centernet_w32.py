# CenterNet ("Objects as Points") with HRNet-W32 at 512 px and HigherHRNet's heatmaps on
# COCO, the baseline of the paper's section 4.1.
#
# The schedule is HigherHRNet's: 300 epochs of the 64,115 images with people, 24 on each
# of 8 GPUs, which are 100,000 iterations; a tenth of the rate at 200 and 260 epochs.
# `load_from` may be a detector with centers (higherhrnet_w32_center.py), as for
# CenterGroup.
# On a CPU: --cfg-options optim_wrapper.type=OptimWrapper
_base_ = ['centergroup_w32.py']

model = dict(
    _delete_=True,
    type='BatchedPoseEstimator',
    data_preprocessor={{_base_.model.data_preprocessor}},
    backbone={{_base_.model.backbone}},
    head=dict(
        type='CenterNetHead',
        in_channels=32,
        num_keypoints=17,
        decoder={{_base_.model.head.decoder}},
        detector=dict(num_blocks=4),
        heatmap_loss=dict(type='KeypointMSELoss', loss_weight=1.0),
        offset_weight=1e-3,
        box_weight=1e-4,
        hidden_channels=256,
        min_peak_score=0.1,
        box_margin=0.1,
    ),
    test_cfg=dict(flip_test=True, multiscale_test=False, score_thr=0.0),
)

train_cfg = dict(max_iters=100000, val_interval=5000)
optim_wrapper = dict(
    _delete_=True, type='AmpOptimWrapper', optimizer=dict(type='Adam', lr=1.5e-3)
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
    dict(
        type='MultiStepLR',
        begin=0,
        end=100000,
        milestones=[67000, 87000],
        gamma=0.1,
        by_epoch=False,
    ),
]
train_dataloader = dict(batch_size=24)
auto_scale_lr = dict(base_batch_size=192)
