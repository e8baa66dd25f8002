# CenterGroup+ with HRNet-W32 at 512 px on COCO; centergroup_w32.py otherwise.
# A recipe without a result: nobody has trained it so far.
#
# It starts from the detector of higherhrnet_w32_center.py, as centergroup_w32.py does.
_base_ = ['centergroup_w32.py', '_base_/plus.py']

codec = _base_.plus.head.decoder
train_pipeline = _base_.train_pipeline
train_pipeline[3].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
model = dict(**_base_.plus)
