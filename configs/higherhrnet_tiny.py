# The baseline of centergroup_tiny.py: the same backbone, heatmaps, data and schedule,
# grouped by associative embedding.
_base_ = ['centergroup_tiny.py']

model = dict(
    _delete_=True,
    type='BatchedPoseEstimator',
    channels_last=True,
    data_preprocessor={{_base_.model.data_preprocessor}},
    backbone={{_base_.model.backbone}},
    head=dict(
        type='HigherHRNetHead',
        in_channels=16,
        num_keypoints=17,
        with_center=False,
        detector=dict(num_blocks=1),
        # 500 times the loss of higherhrnet_w32.py: Adam takes no notice, but heatmaps
        # weigh as much as in centergroup_tiny.py.
        heatmap_loss=dict(type='KeypointMSELoss', loss_weight=500.0),
        # From scratch and in so few iterations the usual weights, half as much for
        # pushing people apart as for pulling a person's tags together, leave all tags
        # at one value, where pushing has no gradient.
        tag_loss=dict(
            type='AssociativeEmbeddingLoss', loss_weight=1.0, push_loss_factor=2.0
        ),
        decoder=dict(
            type='AssociativeEmbedding',
            input_size=(192, 192),
            heatmap_size=(192, 192),
            decode_topk=12,
            decode_max_instances=12,
            decode_center_shift=0.5,
            decode_keypoint_order=[
                *(0, 1, 2, 3, 4, 5, 6, 11, 12),
                *(7, 8, 9, 10, 13, 14, 15, 16),
            ],
        ),
    ),
    test_cfg=dict(flip_test=True, multiscale_test=False, score_thr=0.0),
)
