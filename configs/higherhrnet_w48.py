# HigherHRNet with HRNet-W48 at 640 px on COCO, grouped by associative embedding.
_base_ = [
    '_base_/coco_w48.py',
    '_base_/method_higherhrnet.py',
    '_base_/schedule_300e.py',
]

model = dict(
    backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.tag_codec)
)
train_dataloader = dict(batch_size=24)
