# CenterGroup with HRNet-W48 at 640 px on COCO, as in the paper.
_base_ = ['centergroup_w32.py']

input_size = (640, 640)
codec = dict(input_size=input_size)

model = dict(
    backbone=dict(
        extra=dict(
            stage2=dict(num_channels=(48, 96)),
            stage3=dict(num_channels=(48, 96, 192)),
            stage4=dict(num_channels=(48, 96, 192, 384)),
        ),
        init_cfg=dict(
            checkpoint='https://download.openmmlab.com/mmpose/'
            'pretrain_models/hrnet_w48-8ef0771d.pth'
        ),
    ),
    head=dict(in_channels=48, decoder=codec),
)

train_pipeline = [
    dict(type='LoadColorImage'),
    dict(
        type='BottomupSquareAffine',
        input_size=input_size,
        scale_factor=(0.75, 1.5),
        shift_factor=0.2,
        rotate_factor=30,
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
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
