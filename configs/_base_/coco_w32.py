# COCO at 512 px and an HRNet-W32 for it: data, augmentation (supplementary 3.1), and
# what of a model depends on them. Bases change lists in place, so that nothing is
# written twice: pipelines [1] is the crop or the resize, [3] draws the targets.
input_size = (512, 512)

# Heatmaps with centers: how targets are drawn, how candidates are found.
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
# Of HigherHRNet: maps are enlarged to the input and decoded there, whatever its size.
tag_codec = dict(
    type='AssociativeEmbedding',
    input_size=input_size,
    heatmap_size=input_size,
    decode_topk=30,
    decode_max_instances=30,
    decode_center_shift=0.5,
    # From head and trunk outwards.
    decode_keypoint_order=[
        *(0, 1, 2, 3, 4, 5, 6, 11, 12),
        *(7, 8, 9, 10, 13, 14, 15, 16),
    ],
)
sizes = dict(in_channels=32, num_keypoints=17)
backbone = dict(
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
