# CenterGroup+, a variant beyond the paper for crowds (docs/crowds.md), on the synthetic
# crowd: centers from the finest heatmaps; noses, shoulders and hips that ask for
# keypoints as centers do, and of poses that are one person's the best; attention that
# is taught by the similarity of what it chooses, and averaged over the views of a test;
# tokens that know their scores; keypoints at the top of their peaks.
_base_ = ['centergroup_tiny.py']

codec = dict(fine_centers=True, center_kernel=3, newton_sigma=2.5)
train_pipeline = _base_.train_pipeline
train_pipeline[3].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

model = dict(
    head=dict(
        decoder=codec,
        tokenizer=dict(scores=True),
        grouping=dict(speakers=(0, 5, 6, 11, 12)),
        oks_loss=dict(type='ExpectedOKSLoss', weight=0.5),
        average_attention=True,
        distinct=0.7,
        score=dict(type='ProductScore'),
    ),
)
