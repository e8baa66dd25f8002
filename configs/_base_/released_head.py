# What the authors' code does otherwise than their paper (method_centergroup.py). It
# also trains without rotation.
released_head = dict(
    decoder=dict(score_floor=0.005, min_candidates=3),
    tokenizer=dict(shared_cnn=False),
    grouping=dict(encoder_skip=True, group_before_encoder=True),
    assigner=dict(type='GreedyCenterAssigner', deviation=0.3, max_cost=0.8),
    grouping_loss=dict(oks_gate=0.5),
    score=dict(min_keypoints=5),
)
