# SPDX-License-Identifier: Apache-2.0
"""Values of the small model's config that make another variant of it."""

RELEASED = {
    'head.tokenizer.shared_cnn': False,
    'head.grouping.encoder_skip': True,
    'head.grouping.group_before_encoder': True,
}
# All that reads crowds otherwise than the paper.
CROWD_READING = {
    'head.average_attention': True,
    'head.exclusive': True,
    'head.decoder.fine_centers': True,
    'head.decoder.center_kernel': 3,
    'head.decoder.newton_sigma': 2.5,
}
# Of what crowds need, that which training meets.
CROWD_TRAINING = {
    'head.oks_loss': dict(type='ExpectedOKSLoss'),
    'head.decoder.fine_centers': True,
}
# Every detected center stands for somebody as long as there are people.
ASSIGN_ALL = {'head.assigner.max_cost': 2.0}
