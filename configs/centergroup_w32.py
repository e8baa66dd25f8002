# CenterGroup with HRNet-W32 at 512 px on COCO, as in the paper.
#
# Training starts from a detector: a HigherHRNet-W32 trained with person centers,
#   mim train mmpose configs/centergroup_w32.py --cfg-options load_from=DETECTOR.pth
# Without one the run stops with an explanation, unless model.freeze_detector_bn=False
# trains everything from the backbone's ImageNet weights.
_base_ = [
    '_base_/coco_w32.py',
    '_base_/method_centergroup.py',
    '_base_/schedule_27k.py',
]

model = dict(backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.codec))
train_dataloader = dict(batch_size=33)
