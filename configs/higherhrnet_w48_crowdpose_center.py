# HigherHRNet with person centers, HRNet-W48 at 640 px on CrowdPose: the detector that
# centergroup_w48_crowdpose.py starts from, --cfg-options load_from=CHECKPOINT.
_base_ = ['higherhrnet_w48_crowdpose.py']

model = dict(head=dict(with_center=True))
