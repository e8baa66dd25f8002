# What CenterGroup+, a variant beyond the paper for crowds (docs/crowds.md), does
# otherwise than the paper (method_centergroup.py): centers from the finest heatmaps;
# keypoints that count for one pose only; attention that is taught by the similarity of
# what it chooses, and averaged over the views of a test; keypoints at the top of their
# peaks, and their targets at the very places of keypoints. It has the paper's weights.
plus = dict(
    head=dict(
        decoder=dict(
            fine_centers=True, center_kernel=3, newton_sigma=2.5, unbiased=True
        ),
        oks_loss=dict(type='ExpectedOKSLoss', weight=0.5),
        average_attention=True,
        exclusive=True,
    ),
)
