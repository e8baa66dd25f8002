# HigherHRNet: people are grouped by associative embedding.
_base_ = ['method.py']

model = dict(
    type='BatchedPoseEstimator',
    head=dict(
        type='HigherHRNetHead',
        with_center=False,
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=1e-3),
    ),
)
