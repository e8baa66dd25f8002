# CenterGroup with HRNet-W32 at 512 px on COCO, as in the paper.
#
# Training starts from a detector: a HigherHRNet-W32 trained with person centers,
#   mim train mmpose configs/centergroup_w32.py --cfg-options load_from=DETECTOR.pth
# Without one the run stops with an explanation, unless model.freeze_detector_bn=False
# trains everything from the ImageNet backbone below.
_base_ = ['_base_/schedule_27k.py']

input_size = (512, 512)

codec = dict(
    type='CenterHeatmap',
    input_size=input_size,
    sigma=2,
    num_candidates=30,
    num_centers=30,
    keypoint_kernel=5,
    center_kernel=17,
    score_floor=0.01,
    min_candidates=5,
)

model = dict(
    type='CenterGroup',
    freeze_detector_bn=True,
    data_preprocessor=dict(
        type='MultiScaleDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='HRNet',
        in_channels=3,
        extra=dict(
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(4,),
                num_channels=(64,),
            ),
            stage2=dict(
                num_modules=1,
                num_branches=2,
                block='BASIC',
                num_blocks=(4, 4),
                num_channels=(32, 64),
            ),
            stage3=dict(
                num_modules=4,
                num_branches=3,
                block='BASIC',
                num_blocks=(4, 4, 4),
                num_channels=(32, 64, 128),
            ),
            stage4=dict(
                num_modules=3,
                num_branches=4,
                block='BASIC',
                num_blocks=(4, 4, 4, 4),
                num_channels=(32, 64, 128, 256),
            ),
        ),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpose/'
            'pretrain_models/hrnet_w32-36af842e.pth',
        ),
    ),
    head=dict(
        type='CenterGroupHead',
        in_channels=32,
        num_keypoints=17,
        decoder=codec,
        detector=dict(num_blocks=4),
        tokenizer=dict(num_blocks=2, shared_cnn=True),
        grouping=dict(
            embed_dims=128,
            head_dims=64,
            num_layers=3,
            num_heads=4,
            feedforward_channels=512,
            dropout=0.1,
            encoder_skip=False,
            group_before_encoder=False,
        ),
        assigner=dict(type='HungarianCenterAssigner', deviation=0.15, max_cost=0.5),
        heatmap_loss=dict(type='KeypointMSELoss', loss_weight=10.0),
        grouping_loss=dict(
            type='GroupingLoss',
            center_weight=1.0,
            visibility_weight=1.0,
            location_weight=0.02,
            oks_gate=None,
        ),
        min_scored_keypoints=0,
    ),
    test_cfg=dict(flip_test=True, multiscale_test=False, score_thr=0.0),
)

dataset_type = 'CenterGroupCocoDataset'
data_mode = 'bottomup'
data_root = 'data/coco/'

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
    dict(type='GenerateTarget', encoder=codec),
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
    batch_size=33,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader

# The annotations are those of the validation dataset.
val_evaluator = dict(type='CocoMetric', nms_mode='none', score_mode='bbox')
test_evaluator = val_evaluator

default_hooks = dict(checkpoint=dict(save_best='coco/AP', rule='greater'))
