# SPDX-License-Identifier: Apache-2.0
"""How crowded an image is."""

from centergroup_mm.coco import crowd_index


def test_crowd_index_of_hand_placed_people():
    def person(x, box):
        return dict(num_keypoints=2, keypoints=[x, 5, 2, x, 6, 1, 0, 0, 0], bbox=box)

    apart = [person(5, [0, 0, 10, 10]), person(25, [20, 0, 10, 10])]
    assert crowd_index(apart) == 0
    # The first box holds both points of the second person, not the reverse.
    assert crowd_index([person(5, [0, 0, 30, 10]), person(25, [20, 0, 9, 9])]) == 0.5
    # Three others in one box count as one, the most there is.
    assert crowd_index([person(5, [0, 0, 30, 10])] * 4) == 1
    assert crowd_index([]) == 0
    assert crowd_index([dict(num_keypoints=0, keypoints=[0] * 9, bbox=[0] * 4)]) == 0
