# HigherHRNet with HRNet-W48 at 640 px on COCO, grouped by associative embedding. The
# rest is as in higherhrnet_w32.py, which also explains the schedule.
_base_ = ['centergroup_w48.py']

model = dict(
    _delete_=True,
    type='BatchedPoseEstimator',
    data_preprocessor={{_base_.model.data_preprocessor}},
    backbone={{_base_.model.backbone}},
    head=dict(
        type='HigherHRNetHead',
        in_channels=48,
        num_keypoints=17,
        with_center=False,
        detector=dict(num_blocks=4),
        heatmap_loss=dict(type='KeypointMSELoss', loss_weight=1.0),
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=1e-3),
        # Maps are enlarged to the input and decoded there, whatever its size.
        decoder=dict(
            type='AssociativeEmbedding',
            input_size=(640, 640),
            heatmap_size=(640, 640),
            decode_topk=30,
            decode_max_instances=30,
            decode_center_shift=0.5,
            # From head and trunk outwards.
            decode_keypoint_order=[
                *(0, 1, 2, 3, 4, 5, 6, 11, 12),
                *(7, 8, 9, 10, 13, 14, 15, 16),
            ],
        ),
    ),
    test_cfg=dict(flip_test=True, multiscale_test=False, score_thr=0.0),
)

train_cfg = dict(max_iters=100000, val_interval=5000)
optim_wrapper = dict(
    _delete_=True, type='OptimWrapper', optimizer=dict(type='Adam', lr=1.5e-3)
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
