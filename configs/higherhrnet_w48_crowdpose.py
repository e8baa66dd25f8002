# HigherHRNet with HRNet-W48 at 640 px on CrowdPose, trained on trainval, tested on
# test.
#
# The schedule is that of higherhrnet_w32.py, 300 epochs with a tenth of the rate at 200
# and 260: of 12,000 images these are 18,750 iterations.
_base_ = ['higherhrnet_w48.py']

model = dict(
    head=dict(
        num_keypoints=14,
        decoder=dict(
            decode_keypoint_order=[12, 13, 0, 1, 6, 7, 2, 3, 4, 5, 8, 9, 10, 11]
        ),
    )
)

dataset_type = 'CenterGroupCrowdPoseDataset'
data_root = 'data/crowdpose/'
train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/mmpose_crowdpose_trainval.json',
        data_prefix=dict(img='images/'),
    )
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/mmpose_crowdpose_test.json',
        data_prefix=dict(img='images/'),
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(iou_type='keypoints_crowd', use_area=False, prefix='crowdpose')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP'))

train_cfg = dict(max_iters=18750, val_interval=1250)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
    dict(
        type='MultiStepLR',
        begin=0,
        end=18750,
        milestones=[12500, 16250],
        gamma=0.1,
        by_epoch=False,
    ),
]
