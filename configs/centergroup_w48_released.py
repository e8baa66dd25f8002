# The released CenterGroup with HRNet-W48 at 640 px on COCO; like
# centergroup_w32_released.py otherwise.
_base_ = ['centergroup_w48.py']

input_size = (640, 640)
codec = dict(input_size=input_size, score_floor=0.005, min_candidates=3)

model = dict(
    head=dict(
        decoder=codec,
        tokenizer=dict(shared_cnn=False),
        grouping=dict(encoder_skip=True, group_before_encoder=True),
        assigner=dict(
            _delete_=True, type='GreedyCenterAssigner', deviation=0.3, max_cost=0.8
        ),
        grouping_loss=dict(oks_gate=0.5),
        min_scored_keypoints=5,
    )
)

train_pipeline = [
    dict(type='LoadColorImage'),
    dict(
        type='BottomupSquareAffine',
        input_size=input_size,
        scale_factor=(0.75, 1.5),
        shift_factor=0.2,
        rotate_factor=0,
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='GenerateTarget', encoder=dict(type='CenterHeatmap', **codec)),
    dict(type='BottomupInputMasks'),
    dict(type='PackCenterGroupInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
