# CrowdPose at 640 px, trained on trainval, tested on test, and an HRNet-W48.
_base_ = ['coco_w48.py']

sizes = dict(num_keypoints=14)
tag_codec = dict(decode_keypoint_order=[12, 13, 0, 1, 6, 7, 2, 3, 4, 5, 8, 9, 10, 11])

dataset_type = 'CenterGroupCrowdPoseDataset'
data_root = 'data/crowdpose/'
data = dict(type=dataset_type, data_root=data_root, data_prefix=dict(img='images/'))
train_dataloader = dict(
    dataset=dict(**data, ann_file='annotations/mmpose_crowdpose_trainval.json')
)
val_dataloader = dict(
    dataset=dict(**data, ann_file='annotations/mmpose_crowdpose_test.json')
)
test_dataloader = val_dataloader

val_evaluator = dict(iou_type='keypoints_crowd', use_area=False, prefix='crowdpose')
test_evaluator = val_evaluator
