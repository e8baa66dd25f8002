# CenterGroup+ on the synthetic crowd; centergroup_tiny.py otherwise.
_base_ = ['centergroup_tiny.py', '_base_/plus.py']

codec = _base_.plus.head.decoder
train_pipeline = _base_.train_pipeline
train_pipeline[3].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
model = dict(**_base_.plus)
