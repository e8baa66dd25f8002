# HigherHRNet on the photographs of photographs.py, with associative embedding.
_base_ = ['photographs.py']

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
        with_center=True,
        detector=dict(num_blocks=1),
        heatmap_loss=dict(type='KeypointMSELoss', loss_weight=500.0),
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=0.5),
        decoder=dict(
            type='AssociativeEmbedding',
            input_size={{_base_.side}},
            heatmap_size={{_base_.side}},
            decode_topk=16,
            decode_max_instances=16,
            decode_center_shift=0.5,
            decode_keypoint_order=[
                *(0, 1, 2, 3, 4, 5, 6, 11, 12),
                *(7, 8, 9, 10, 13, 14, 15, 16),
            ],
        ),
    ),
    test_cfg=dict(flip_test=False),
)
