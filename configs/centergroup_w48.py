# CenterGroup with HRNet-W48 at 640 px on COCO, as in the paper.
_base_ = [
    '_base_/coco_w48.py',
    '_base_/method_centergroup.py',
    '_base_/schedule_27k.py',
]

model = dict(backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.codec))
train_dataloader = dict(batch_size=33)
