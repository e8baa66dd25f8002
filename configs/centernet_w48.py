# CenterNet with HRNet-W48 at 640 px on COCO; like centernet_w32.py otherwise.
_base_ = ['_base_/coco_w48.py', '_base_/method_centernet.py', '_base_/schedule_300e.py']

model = dict(backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.codec))
train_dataloader = dict(batch_size=24)
