# The released CenterGroup with HRNet-W48 at 640 px on CrowdPose; like
# centergroup_w32_released.py otherwise.
_base_ = ['centergroup_w48_crowdpose.py', '_base_/released_head.py']

codec = _base_.released_head.decoder
model = dict(head=_base_.released_head)
train_pipeline = _base_.train_pipeline
train_pipeline[1].rotate_factor = 0
train_pipeline[3].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
