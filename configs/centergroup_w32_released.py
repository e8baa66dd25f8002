# The released CenterGroup with HRNet-W32 at 512 px on COCO. The authors' code differs
# from their paper (centergroup_w32.py) in what is set here.
#
# For their checkpoint see docs/released_checkpoints.md.
_base_ = ['centergroup_w32.py', '_base_/released_head.py']

codec = _base_.released_head.decoder
model = dict(head=_base_.released_head)
train_pipeline = _base_.train_pipeline
train_pipeline[1].rotate_factor = 0
train_pipeline[3].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
