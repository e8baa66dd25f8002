# The detector of centergroup_tiny_stage2.py: the first of the two stages of the paper,
# on the synthetic crowd.
_base_ = ['higherhrnet_tiny.py']

model = dict(head=dict(with_center=True))
