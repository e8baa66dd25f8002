# SPDX-License-Identifier: Apache-2.0
"""Stateless functions of tensors; none knows a model, a config or a data sample."""
