# CenterGroup+ with HRNet-W48 at 640 px on COCO; centergroup_w48.py otherwise.
# A recipe without a result: nobody has trained it so far.
_base_ = ['centergroup_w48.py', '_base_/plus.py']

codec = _base_.plus.head.decoder
train_pipeline = _base_.train_pipeline
train_pipeline[3].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
model = dict(**_base_.plus)
