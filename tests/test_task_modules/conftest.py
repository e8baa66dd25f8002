# SPDX-License-Identifier: Apache-2.0
"""The same random numbers in every run."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
